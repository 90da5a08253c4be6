"""Results of compiled kernels depend on values alone, not on where in memory the arrays lie."""

import numpy as np
import pytest

pytest.importorskip("numba")

from pycaffe_geo.ops.fast import batch_norm, element_cost, scale  # noqa: E402


def placed(values, gap):
    """Return copies of the arrays `values` in one buffer, `gap` elements apart."""
    buffer = np.zeros(sum(v.size + gap for v in values), np.float32)
    copies, first = [], 0
    for value in values:
        copies.append(buffer[first:first + value.size].reshape(value.shape))
        copies[-1][...] = value
        first += value.size + gap
    return copies


def run_batch_norm(gap, x, dy, _):
    x, y, dy, dx = placed([x, 0 * x, dy, 0 * x], gap)
    numbers = batch_norm.forward(x, y, 1e-5)
    batch_norm.backward(dy, y, numbers[2], dx, None)
    return [y, dx, *numbers]


def run_scale(gap, x, dy, _):
    x, y, dy, dx, factor, dfactor = placed([x, 0 * x, dy, 0 * x, x[0, :, 0], 0 * x[0, :, 0]], gap)
    scale.forward(x, factor, None, y)
    scale.backward(x, dy, factor, dx, dfactor)
    return [y, dx, dfactor]


def run_cost(cost):
    def run(gap, x, dy, weights):
        x, slope, dy, weights = placed([x, 0 * x, dy, weights], gap)
        return [np.array([cost(x, dy, w, slope, None) for w in (weights, None)]), slope]
    return run


@pytest.mark.parametrize("run", [run_batch_norm, run_scale, run_cost(element_cost.abs_cost), run_cost(element_cost.square_cost)])
@pytest.mark.parametrize("size", [1, 7, 8, 37, 300])
def test_neighbours_in_memory_change_no_bit(run, size):
    draw = np.random.default_rng(size)
    x, dy, weights = (draw.normal(size=(2, 5, size)).astype(np.float32) for _ in range(3))
    near, far = run(0, x, dy, weights), run(1 << 14, x, dy, weights)
    for a, b in zip(near, far):
        assert a.tobytes() == b.tobytes()
