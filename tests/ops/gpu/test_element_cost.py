"""The costs' CUDA kernels against the NumPy ones."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops.element_cost import plan_element_cost

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", ["abs", "square"])
@pytest.mark.parametrize("shape, weights_shape", [
    ((2, 3, 5, 7), None), ((2, 3, 5, 7), (2, 1, 5, 7)), ((2, 3, 5, 7), (2, 3, 5, 7)), ((2, 3, 30, 40), (2, 1, 30, 40)),
    ((4, 6), (4, 1)), ((0, 2, 3, 3), (0, 1, 3, 3)), ((5,), None), ((), None)])
def test_as_numpy(kind, shape, weights_shape, dtype, kernel_gpu, monkeypatch):
    rng = np.random.default_rng(0)
    a, b = (np.asarray(rng.integers(-3, 4, shape) / 2, dtype) for _ in range(2))  # with ties, where |d| has slope 0
    weights = None
    if weights_shape:
        weights = rng.integers(0, 3, weights_shape).astype(dtype)
        a[np.broadcast_to(weights == 0, shape)] = np.nan
    totals, diffs = [], []
    for device in (kernel_gpu, CPU):
        x, y, w = (None if v is None else device.asarray(v) for v in (a, b, weights))
        da, db, da_alone, db_alone = mine = [device.asarray(np.full(shape, 7, dtype)) for _ in range(4)]
        plan = plan_element_cost(kind, device, dtype)
        totals.append([float(plan.forward(x, y, w, device.xp.empty(shape, dtype))) for _ in range(2)])
        for pair in ((da, db), (da_alone, None), (None, db_alone)):
            plan.backward(x, y, w, device.asarray(np.asarray(0.75, dtype)), *pair)
        diffs.append(np.stack([asnumpy(d) for d in mine]))
        monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    compare("diffs", *diffs, TOLERANCE[dtype])
    assert totals[0] == pytest.approx(totals[1], rel=TOLERANCE[dtype])


@pytest.mark.parametrize("kind", ["abs", "square"])
def test_nan_and_infinity_are_not_lost(kind, kernel_gpu):
    a = kernel_gpu.asarray(np.array([1, np.nan, np.inf, -np.inf], "float32"))
    slope, zeros = kernel_gpu.xp.empty(4, "float32"), kernel_gpu.xp.zeros(4, "float32")
    plan = plan_element_cost(kind, kernel_gpu, "float32")
    assert np.isnan(float(plan.forward(a, zeros, None, slope)))
    plan.backward(a, zeros, None, kernel_gpu.asarray(np.asarray(1, "float32")), slope, None)
    np.testing.assert_array_equal(slope.get(), np.sign(a.get()) if kind == "abs" else a.get())
    assert float(plan.forward(a[2:], zeros[:2], None, slope)) == np.inf
