"""The normalisation's CUDA kernels against the NumPy one."""

import numpy as np
import pytest

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.ops import batch_norm
from pycaffe_geo.ops.gpu.batch_norm import GpuBatchNorm
from pycaffe_geo.ops.gpu.kernels import LEAST_RUN

TOLERANCE = {"float32": 5e-6, "float64": 1e-12}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(2, 3, 35), (1, 1, 1), (3, 2, LEAST_RUN + 7), (5, 4, 1), (11, 2, 3)])
@pytest.mark.parametrize("in_place", [False, True])
def test_as_numpy(shape, dtype, in_place, kernel_gpu, monkeypatch):
    monkeypatch.setattr("pycaffe_geo.ops.gpu.kernels.MOST_IMAGES", 4)
    rng = np.random.default_rng(0)
    values, slopes = (rng.normal(size=shape) + 30).astype(dtype), rng.normal(size=shape).astype(dtype)
    results = []
    for functions, upload in ((GpuBatchNorm(kernel_gpu, dtype), kernel_gpu.asarray), (batch_norm, np.asarray)):
        x, dy = upload(values.copy()), upload(slopes.copy())
        y, dx = (x, dy) if in_place else (upload(np.empty(shape, dtype)) for _ in range(2))
        statistics = functions.forward(x, y, 1e-2)
        functions.backward(dy, y, statistics[2], dx, lambda shape: np.empty(shape, dtype))
        results.append([asnumpy(a) for a in (*statistics, y, dx)])
    for name, a, b in zip(("mean", "variance", "inverse", "y", "dx"), *results):
        scale = max(np.abs(b).max(), 1)  # dx of a single value is 0 but for rounding
        np.testing.assert_allclose(a, b, rtol=0, atol=TOLERANCE[dtype] * scale, err_msg=name)


def test_a_nan_stays_in_its_channel(kernel_gpu):
    x = np.ones((1, 2, 4), "float32")
    x[0, 1, 2] = np.nan
    y = kernel_gpu.asarray(x.copy())
    GpuBatchNorm(kernel_gpu, "float32").forward(y, y, 1e-5)
    assert np.isnan(y.get()[0, 1]).all() and not np.isnan(y.get()[0, 0]).any()
