"""The resize's CUDA kernel against the NumPy plan."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops.gpu.resize import GpuTaps
from pycaffe_geo.ops.resize import Resize

TOLERANCE = {"float32": 1e-6, "float64": 1e-13}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("mode, align_corners", [("bilinear", False), ("bilinear", True), ("nearest", False), ("area", False)])
@pytest.mark.parametrize("height, width, new_height, new_width", [(5, 7, 10, 14), (1, 1, 3, 4), (9, 8, 1, 1), (2, 13, 31, 5)])
def test_as_numpy(height, width, new_height, new_width, mode, align_corners, dtype, kernel_gpu):
    draws = np.random.default_rng(0)
    x, dy = (draws.normal(size=(2, 3, *size)).astype(dtype) for size in ((height, width), (new_height, new_width)))
    results = []
    for device in (kernel_gpu, CPU):
        plan = Resize(x.shape, new_height, new_width, mode, align_corners, dtype, device)
        assert isinstance(plan._apply, GpuTaps) == device.compiles
        y, dx = (device.asarray(np.full_like(a, np.nan)) for a in (dy, x))
        plan.forward(device.asarray(x), y)
        plan.backward(device.asarray(dy), dx)
        results.append([asnumpy(a) for a in (y, dx)])
    for what, found, expected in zip(("y", "dx"), *results):
        compare(what, found, expected, TOLERANCE[dtype])
