"""Functions and plans for float16 arrays that compute in float32."""

import numpy as np
import pytest

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops.batch_norm import plan_batch_norm
from pycaffe_geo.ops.lrn import plan_lrn
from pycaffe_geo.ops.pooling import plan_pooling
from pycaffe_geo.ops.product import plan_product
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


@pytest.mark.parametrize("device", ["CPU", "standin_device"])
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
