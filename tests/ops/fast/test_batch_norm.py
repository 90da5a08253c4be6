"""The compiled normalisation against the NumPy one."""

import numpy as np
import pytest

from pycaffe_geo.ops import batch_norm

TOLERANCE = {"float32": 5e-6, "float64": 1e-12}
fast = pytest.importorskip("pycaffe_geo.ops.fast.batch_norm")


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(2, 3, 35), (1, 1, 1), (3, 2, fast.BLOCK + 7), (5, 4, 1), (2, 1, 3 * fast.BLOCK)])
@pytest.mark.parametrize("in_place", [False, True])
def test_as_numpy(shape, dtype, in_place):
    rng = np.random.default_rng(0)
    values, slopes = (rng.normal(size=shape) + 3).astype(dtype), rng.normal(size=shape).astype(dtype)
    results = []
    for functions in (fast, batch_norm):
        x, dy = values.copy(), slopes.copy()
        y, dx = (x, dy) if in_place else (np.empty(shape, dtype) for _ in range(2))
        statistics = functions.forward(x, y, 1e-2)
        functions.backward(dy, y, statistics[2], dx, lambda shape: np.empty(shape, dtype))
        results.append([*statistics, y, dx])
    for name, a, b in zip(("mean", "variance", "inverse", "y", "dx"), *results):
        scale = max(np.abs(b).max(), 1)  # dx of a single value is 0 but for rounding
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=name)


def test_a_nan_stays_in_its_channel():
    x = np.ones((1, 2, 4), "float32")
    x[0, 1, 2] = np.nan
    y = np.empty_like(x)
    fast.forward(x, y, 1e-5)
    assert np.isnan(y[0, 1]).all() and not np.isnan(y[0, 0]).any()
