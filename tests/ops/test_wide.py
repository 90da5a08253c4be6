"""Functions and plans for float16 arrays that compute in float32."""

from functools import partial

import numpy as np
import pytest

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops.batch_norm import plan_batch_norm
from pycaffe_geo.ops.lrn import plan_lrn
from pycaffe_geo.ops.pooling import plan_pooling
from pycaffe_geo.ops.product import plan_product
from pycaffe_geo.ops.relu import plan_relu
from pycaffe_geo.ops.scale import plan_scale
from pycaffe_geo.ops.wide import WidePlan, widened


def test_arrays_are_widened_and_what_is_written_is_rounded():
    def add(x, y, factor, none):
        assert x.dtype == y.dtype == np.float32 and none is None
        y += factor * x
        x[...] = 0
        return "result"

    x, y = np.full(3, 1024, "float16"), np.ones(3, "float16")
    assert widened(add, 1)(x, y, 1 / 1024, none=None) == "result"
    np.testing.assert_array_equal(y, 2)
    np.testing.assert_array_equal(x, 1024)
    widened(add, 1)(x, y, 1e4, None)
    assert np.isinf(y).all()


def test_arrays_of_float32_are_written_as_they_are():
    x, y = np.ones(3, "float16"), np.zeros(3, "float32")
    WidePlan(np, add=[2]).add(x, 1 / 3, y)
    np.testing.assert_array_equal(y, np.float32(1 + 1 / 3))


@pytest.mark.parametrize("device", ["CPU", "standin_device", "emulated_gpu"])
def test_long_sums_do_not_overflow(device, request):
    """Means over 90000 values of 30 add up to 2.7 million, forty times the largest number of float16."""
    device = CPU if device == "CPU" else request.getfixturevalue(device)
    x = device.asarray(np.float16(30 + np.random.default_rng(0).normal(size=(1, 1, 300, 300))))
    mean = device.xp.empty((1, 1, 1, 1), "float16")
    plan_pooling("AVE", x.shape, dtype="float16", device=device).forward(x, mean)
    assert float(asnumpy(mean)[0, 0, 0, 0]) == pytest.approx(30, abs=0.02)
    y, dx = device.xp.empty_like(x), device.xp.empty_like(x)
    forward, backward = plan_batch_norm(device, "float16")
    rows = [a.reshape(1, 1, -1) for a in (x, y, dx)]
    found, variance, inverse = forward(rows[0], rows[1], 1e-5)
    assert float(asnumpy(found)[0]) == pytest.approx(30, abs=1e-2)
    assert asnumpy(y).astype("float32").std() == pytest.approx(1, abs=1e-2)
    backward(rows[0], rows[1], inverse, rows[2], lambda shape, dtype: device.xp.empty(shape, dtype))
    assert np.abs(asnumpy(dx).astype("float32")).max() < 0.1  # the gradient of x . x is 30 and y: both are projected out
    factor, dfactor, doffset = (device.asarray(np.float32([v])) for v in (2, 0, 0))
    scale, scale_back = plan_scale(device, "float16")
    scale(rows[0], factor, None, rows[1], None)
    scale_back(rows[0], rows[0], factor, rows[2], dfactor, doffset)
    assert float(asnumpy(doffset)[0]) == pytest.approx(2.7e6, rel=1e-3) and float(asnumpy(y)[0, 0, 0, 0]) > 50
    assert float(asnumpy(dfactor)[0]) == pytest.approx(8.11e7, rel=1e-3)


def test_products_and_lrn_are_those_of_float32():
    rng = np.random.default_rng(1)
    left, right, x = (rng.normal(size=s).astype("float16") for s in ((4, 500), (500, 3), (2, 5, 3, 4)))
    out = np.empty((4, 3), "float16")
    plan_product("float16", CPU)(left, right, out)
    np.testing.assert_allclose(out, left.astype("float64") @ right.astype("float64"), rtol=1e-3, atol=1e-3)
    results = []
    for dtype in ("float16", "float64"):
        plan = plan_lrn("ACROSS_CHANNELS", x.shape, 3, dtype=dtype, device=CPU)
        y, dx = np.empty(x.shape, dtype), np.empty(x.shape, dtype)
        plan.forward(x.astype(dtype), y)
        plan.backward(x.astype(dtype), y, dx)
        results.append((y, dx))
    for half, exact in zip(*results):
        np.testing.assert_allclose(half, exact, rtol=3e-3, atol=1e-3)


def test_the_kernels_of_a_gpu_on_float16(emulated_gpu):
    rng = np.random.default_rng(2)
    x, dy = (rng.normal(size=(2, 3, 5, 6)).astype("float16") for _ in range(2))
    for method in ("MAX", "AVE"):
        results = []
        for device in (CPU, emulated_gpu):
            plan = plan_pooling(method, x.shape, (3, 2), stride=(2, 2), pad=(1, 0), dtype="float16", device=device)
            y, dx = device.xp.empty(plan.out_shape, "float16"), device.xp.empty(x.shape, "float16")
            plan.forward(device.asarray(x), y)
            plan.backward(device.asarray(dy.reshape(-1)[:y.size].reshape(y.shape)), dx)
            results.append((asnumpy(y), asnumpy(dx)))
        for host, other in zip(*results):
            np.testing.assert_allclose(host, other, rtol=1e-3, atol=1e-4)
    relu = partial(plan_relu, x.shape, 0.1, "float16")
    lrn = partial(plan_lrn, "ACROSS_CHANNELS", x.shape, 3, dtype="float16")
    for plan_of in (relu, lrn):
        results = []
        for device in (CPU, emulated_gpu):
            there, slopes = device.asarray(x), device.asarray(dy)
            y, dx = (device.xp.empty(x.shape, "float16") for _ in range(2))
            plan = plan_of(device=device)
            plan.forward(there, y)
            plan.backward(there, slopes, dx)
            results.append((asnumpy(y), asnumpy(dx)))
        for host, other in zip(*results):
            np.testing.assert_allclose(host, other, rtol=2e-3, atol=2e-4)
    half = emulated_gpu.asarray(np.float16([1, 2, 3]))
    y, dfactor = emulated_gpu.xp.empty((2, 3, 30), "float16"), emulated_gpu.xp.ones(3, "float16")
    scale, scale_back = plan_scale(emulated_gpu, "float16")
    rows, slopes = (emulated_gpu.asarray(a.reshape(2, 3, 30)) for a in (x, dy))
    scale(rows, half, None, y, None)
    scale_back(rows, slopes, half, None, dfactor, None)
    np.testing.assert_array_equal(asnumpy(y), asnumpy(rows) * np.float16([[1], [2], [3]]))
    np.testing.assert_allclose(asnumpy(dfactor), 1 + (asnumpy(rows) * asnumpy(slopes)).astype("float64").sum((0, 2)), rtol=5e-3)


def test_the_emulators_float16_is_numpys(emulated_gpu):
    every = np.arange(1 << 16, dtype="uint16").view("float16").reshape(1, 1, -1)
    odd = np.float32([1, 1 + 2**-11, 1 + 3 * 2**-11, 65519, 65520, 2**-25, 2**-24, 1e-7, 3e-5, -7e4])
    y = emulated_gpu.xp.empty(every.shape, "float16")
    scale, _ = plan_scale(emulated_gpu, "float16")
    scale(emulated_gpu.asarray(every), emulated_gpu.asarray(np.float32([1])), None, y, None)
    np.testing.assert_array_equal(asnumpy(y), every)
    for factor in odd:
        ones, y = emulated_gpu.xp.ones((1, 1, 1), "float16"), emulated_gpu.xp.empty((1, 1, 1), "float16")
        scale(ones, emulated_gpu.asarray(factor[None]), None, y, None)
        assert asnumpy(y)[0, 0, 0] == np.float16(factor), factor
