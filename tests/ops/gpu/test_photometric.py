"""The photometric error's CUDA kernels against ops.photometric."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops.gpu.photometric import GpuPhotometricError
from pycaffe_geo.ops.photometric import plan_photometric_error

TOLERANCE = {"float32": 2e-4, "float64": 1e-12}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("alpha", [0, 0.85, 1])
@pytest.mark.parametrize("shape", [(2, 3, 5, 7), (1, 1, 1, 1), (1, 2, 1, 6), (2, 1, 2, 2), (1, 1, 20, 30)])
@pytest.mark.parametrize("wanted", [(1, 1), (1, 0), (0, 1)])
def test_as_the_reference(shape, alpha, wanted, dtype, kernel_gpu):
    draws = np.random.default_rng(0)
    a, b = (draws.uniform(0, 255, shape).astype(dtype) for _ in range(2))
    b[..., ::3] = a[..., ::3]  # ties, where |a - b| has slope 0
    dout = draws.normal(size=(shape[0], 1, *shape[2:])).astype(dtype)
    results = []
    for device in (kernel_gpu, CPU):
        error = plan_photometric_error(alpha, 255.0, device, dtype)
        assert isinstance(error, GpuPhotometricError) == device.compiles
        error.reshape(shape)
        x, y, slope = (device.asarray(v) for v in (a, b, dout))
        out = device.asarray(np.full(dout.shape, np.nan, dtype))
        diffs = [device.asarray(np.full(shape, np.nan, dtype)) if w else None for w in wanted]
        error.forward(x, y, out)
        error.backward(x, y, slope, *diffs)
        results.append([asnumpy(v) for v in (out, *diffs) if v is not None])
    for i, (found, expected) in enumerate(zip(*results)):
        compare(f"array {i}", found, expected, TOLERANCE[dtype])
