"""The compiled costs against the NumPy ones."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU
from pycaffe_geo.ops.element_cost import plan_element_cost

TOLERANCE = {"float32": 1e-6, "float64": 1e-12}
fast = pytest.importorskip("pycaffe_geo.ops.fast.element_cost")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("kind", ["abs", "square"])
@pytest.mark.parametrize("shape, weights_shape", [
    ((2, 3, 5, 7), None), ((2, 3, 5, 7), (2, 1, 5, 7)), ((2, 3, 5, 7), (2, 3, 5, 7)), ((1, 1, 70, 130), (1, 1, 70, 130)),
    ((2, 3, 70, 90), (2, 1, 70, 90)), ((4, 6), (4, 1)), ((0, 2, 3, 3), (0, 1, 3, 3)), ((5,), None), ((), None)])
def test_as_numpy(kind, shape, weights_shape, dtype, monkeypatch):
    rng = np.random.default_rng(0)
    a, b = (np.asarray(rng.integers(-3, 4, shape) / 2, dtype) for _ in range(2))  # with ties, where |d| has slope 0
    weights = None
    if weights_shape:
        weights = rng.integers(0, 3, weights_shape).astype(dtype)
        a[np.broadcast_to(weights == 0, shape)] = np.nan
    slopes = [np.full(shape, 7, dtype) for _ in range(2)]
    total = getattr(fast, f"{kind}_cost")(a, b, weights, slopes[0], np.empty(shape, dtype))
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", "numpy")
    expected = plan_element_cost(kind, CPU, dtype)(a, b, weights, slopes[1], np.empty(shape, dtype))
    compare("slope", slopes[0], slopes[1], TOLERANCE[dtype])
    assert total == pytest.approx(expected, rel=TOLERANCE[dtype])


@pytest.mark.parametrize("kind", ["abs", "square"])
def test_nan_and_infinity_are_not_lost(kind):
    a, slope = np.array([1, np.nan, np.inf, -np.inf], "float32"), np.empty(4, "float32")
    cost = getattr(fast, f"{kind}_cost")
    assert np.isnan(cost(a, np.zeros_like(a), None, slope, slope))
    np.testing.assert_array_equal(slope, np.sign(a) if kind == "abs" else a)
    assert cost(a[2:], np.zeros(2, "float32"), None, slope[2:], slope) == np.inf
