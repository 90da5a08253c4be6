"""What the compiled costs do with NaN and infinity; tests/ops/test_engines.py compares them with the NumPy ones."""

import numpy as np
import pytest

fast = pytest.importorskip("pycaffe_geo.ops.fast.element_cost")


@pytest.mark.parametrize("kind", ["abs", "square"])
def test_nan_and_infinity_are_not_lost(kind):
    a, slope = np.array([1, np.nan, np.inf, -np.inf], "float32"), np.empty(4, "float32")
    zeros, plan = np.zeros_like(a), fast.ElementCost(kind)
    assert np.isnan(plan.forward(a, zeros, None, slope))
    plan.backward(a, zeros, None, 1, slope, None)
    np.testing.assert_array_equal(slope, np.sign(a) if kind == "abs" else a)
    assert plan.forward(a[2:], zeros[2:], None, slope) == np.inf
