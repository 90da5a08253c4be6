"""Results of compiled kernels depend on values alone, not on where in memory the arrays lie."""

import numpy as np
import pytest

pytest.importorskip("numba")

from pycaffe_geo.backend import CPU  # noqa: E402
from pycaffe_geo.ops.fast import batch_norm, camera, element_cost, scale, warping  # noqa: E402


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


def run_cost(kind):
    def run(gap, x, dy, weights):
        x, dx, dy, ddy, weights = placed([x, 0 * x, dy, 0 * dy, weights], gap)
        plan = element_cost.ElementCost(kind)
        totals = [plan.forward(x, dy, w, None) for w in (weights, None)]
        plan.backward(x, dy, weights, 0.75, dx, ddy)
        return [np.array(totals), dx, ddy]
    return run


def run_warping(gap, x, dy, _):
    image, dy = (v.reshape(2, 5, 1, -1) for v in (x, dy))
    coords = np.abs(np.concatenate([dy[:, :1] * 3, x[:, :1].reshape(dy[:, :1].shape)], axis=1))
    image, coords, out, seen, dy, dcoords, dimage = placed([image, coords, 0 * dy, 0 * dy[:, :1], dy, 0 * coords, 0 * image], gap)
    plan = warping.Warping(image.shape, coords.shape, image.dtype, CPU)
    plan.forward(image, coords, out, seen)
    plan.backward_coords(dy, dcoords)
    plan.backward_image(dy, dimage)
    return [out, seen, dcoords, dimage]


def run_camera(gap, x, dy, weights):
    K = np.tile(np.array([300, 200, 7, 3], "f"), (2, 1)).reshape(2, 4, 1, 1)
    T = np.tile(np.eye(4, dtype="f") + 0.01, (2, 1, 1, 1))
    depth, dy = np.abs(weights[:, :1, None]) + 1, dy.reshape(2, 5, 1, -1)
    arrays = [depth, dy[:, :3], dy[:, 3:], dy[:, 2:4], *(np.repeat(0 * depth, c, axis=1) for c in (3, 2, 2, 1, 1, 3))]
    depth, dpoints, dflow, dcoords, points, flow, coords, seen, ddepth, dmore = placed(arrays, gap)
    dT, dK, dK2 = np.empty_like(T), np.empty_like(K), np.empty_like(K)
    camera.transform_grid(depth, T, K, points)
    camera.transform_grid_backward(depth, T, K, dpoints, ddepth, dT, dK)
    camera.pinhole(points, K, 0.5, flow, coords, seen)
    camera.pinhole_backward(points, K, dflow, dcoords, 0.5, dmore, dK2)
    return [points, ddepth, dT, dK, flow, coords, seen, dmore, dK2]


@pytest.mark.parametrize("run", [run_batch_norm, run_scale, run_cost("abs"), run_cost("square"), run_warping, run_camera])
@pytest.mark.parametrize("size", [1, 7, 8, 37, 300])
def test_neighbours_in_memory_change_no_bit(run, size):
    draw = np.random.default_rng(size)
    x, dy, weights = (draw.normal(size=(2, 5, size)).astype(np.float32) for _ in range(3))
    near, far = run(0, x, dy, weights), run(1 << 14, x, dy, weights)
    for a, b in zip(near, far):
        assert a.tobytes() == b.tobytes()
