"""LRN plans against loops, central differences, torch, and real Caffe's recordings."""

import numpy as np
import pytest
from golden import Case, compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops.lrn import plan_lrn

CASES = [
    ("ACROSS_CHANNELS", (2, 9, 3, 4), dict(size=5, alpha=0.7, beta=0.75, k=1.0)),
    ("ACROSS_CHANNELS", (1, 3, 2, 2), dict(size=7, alpha=0.5, beta=0.6, k=2.0)),
    ("ACROSS_CHANNELS", (2, 1, 2, 3), dict(size=3, alpha=1.0, beta=0.75, k=1.0)),
    ("ACROSS_CHANNELS", (1, 4, 1, 2), dict(size=1, alpha=1.0, beta=1.5, k=1.0)),
    ("WITHIN_CHANNEL", (2, 3, 6, 7), dict(size=3, alpha=0.9, beta=0.75)),
    ("WITHIN_CHANNEL", (1, 2, 5, 4), dict(size=5, alpha=2.0, beta=0.5, k=3.0)),
]


def loop_lrn(region, x, size=5, alpha=1.0, beta=0.75, k=1.0):
    """The formulas, one pixel at a time. Within a channel the mean's divisor counts one pad of size // 2, as AVE pooling's."""
    y, reach = np.empty_like(x), size // 2
    for n, c, i, j in np.ndindex(x.shape):
        if region == "ACROSS_CHANNELS":
            scale = k + alpha / size * sum(x[n, max(0, c - reach):c + reach + 1, i, j] ** 2)
        else:
            scale = 1 + alpha / size**2 * np.sum(x[n, c, max(0, i - reach):i + reach + 1, max(0, j - reach):j + reach + 1] ** 2)
        y[n, c, i, j] = x[n, c, i, j] * scale**-beta
    return y


@pytest.mark.parametrize("region, shape, options", CASES)
def test_matches_loops(region, shape, options):
    plan = plan_lrn(region, shape, **options, dtype="float64", device=CPU)
    x = np.random.default_rng(0).normal(size=shape)
    y = np.empty_like(x)
    for values in (3 * x, x):  # buffers are used again
        plan.forward(values, y)
        np.testing.assert_allclose(y, loop_lrn(region, values, **options), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("region, shape, options", CASES)
def test_gradient_matches_central_differences(region, shape, options):
    plan = plan_lrn(region, shape, **options, dtype="float64", device=CPU)
    rng = np.random.default_rng(0)
    x, dy = rng.normal(size=shape), rng.normal(size=shape)
    kept, y, dx = dy.copy(), np.empty_like(x), np.full_like(x, np.nan)
    plan.forward(x, y)
    plan.backward(x, dy, dx)
    np.testing.assert_array_equal(dy, kept)
    for index in rng.permutation(x.size)[:30]:
        step = np.zeros(x.size)
        step[index] = 1e-5
        step = step.reshape(shape)
        slope = np.vdot(dy, loop_lrn(region, x + step, **options) - loop_lrn(region, x - step, **options)) / 2e-5
        assert abs(slope - dx.flat[index]) <= 1e-8


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 2e-6)])
def test_across_channels_matches_torch(dtype, tolerance):
    torch = pytest.importorskip("torch")
    x, dy = np.random.default_rng(0).normal(size=(2, 2, 32, 13, 14)).astype(dtype)
    plan = plan_lrn("ACROSS_CHANNELS", x.shape, 5, alpha=0.3, dtype=dtype, device=CPU)
    leaf = torch.tensor(x, requires_grad=True)
    expected = torch.nn.functional.local_response_norm(leaf, 5, 0.3, 0.75, 1.0)
    expected.backward(torch.tensor(dy))
    y, dx = np.empty_like(x), np.empty_like(x)
    plan.forward(x, y)
    plan.backward(x, dy, dx)
    compare("y", y, expected.detach().numpy(), tolerance)
    compare("dx", dx, leaf.grad.numpy(), tolerance)


@pytest.mark.parametrize("region, shape, options", CASES[::4])
def test_runs_on_a_device(region, shape, options, standin_device):
    x, dy = np.random.default_rng(0).normal(size=(2, *shape))
    results = []
    for device in (CPU, standin_device):
        plan = plan_lrn(region, shape, **options, dtype="float64", device=device)
        y, dx = device.asarray(np.empty(shape)), device.asarray(np.empty(shape))
        plan.forward(device.asarray(x), y)
        plan.backward(device.asarray(x), device.asarray(dy), dx)
        results.append([asnumpy(y), asnumpy(dx)])
    np.testing.assert_allclose(results[1], results[0], rtol=1e-12)


@pytest.mark.parametrize("name, region, options", [
    ("lrn_across_alexnet", "ACROSS_CHANNELS", dict(size=5, alpha=float(np.float32(1e-4)))),
    ("lrn_across_size_gt_c", "ACROSS_CHANNELS", dict(size=7, alpha=0.5, beta=float(np.float32(0.6)))),
    ("lrn_within", "WITHIN_CHANNEL", dict(size=3, alpha=float(np.float32(0.9)))),
    ("lrn_within_5", "WITHIN_CHANNEL", dict(size=5, alpha=2.0, beta=0.5, k=3.0)),
])
def test_matches_caffe(name, region, options):
    case = Case(name)
    x = case.inputs["x"].astype(float)
    plan = plan_lrn(region, x.shape, **options, dtype="float64", device=CPU)
    y, dx = np.empty_like(x), np.empty_like(x)
    plan.forward(x, y)
    plan.backward(x, case.top_diffs["y"], dx)
    compare("y", y, case.data["y"])
    compare("dx", dx, case.diff["x"])
