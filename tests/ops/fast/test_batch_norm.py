"""What the compiled normalisation does with NaN; tests/ops/test_engines.py compares it with the NumPy one."""

import numpy as np
import pytest

fast = pytest.importorskip("pycaffe_geo.ops.fast.batch_norm")


def test_a_nan_stays_in_its_channel():
    x = np.ones((1, 2, 4), "float32")
    x[0, 1, 2] = np.nan
    y = np.empty_like(x)
    fast.forward(x, y, 1e-5)
    assert np.isnan(y[0, 1]).all() and not np.isnan(y[0, 0]).any()
