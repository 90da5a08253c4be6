"""The CUDA kernels of ReLU and Scale against the NumPy plans."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops import scale
from pycaffe_geo.ops.gpu.kernels import LEAST_RUN
from pycaffe_geo.ops.gpu.relu import GpuRelu
from pycaffe_geo.ops.relu import Relu, plan_relu
from pycaffe_geo.ops.scale import plan_scale

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("slope", [0, 0.1, -0.5])
def test_relu(slope, dtype, kernel_gpu):
    x = np.array([[-2, -0.0, 0, 1e-30, 3, -np.inf if slope else -1, np.inf]] * 50, dtype)
    dy = np.random.default_rng(0).normal(size=x.shape).astype(dtype)
    mine, theirs = plan_relu(x.shape, slope, dtype, kernel_gpu), Relu(x.shape, slope, dtype, CPU)
    assert isinstance(mine, GpuRelu)
    results = []
    for plan, device in ((mine, kernel_gpu), (theirs, CPU)):
        y, dx = device.asarray(x.copy()), device.asarray(dy.copy())
        plan.backward(y, dx, dx)
        plan.forward(y, y)
        results.append([asnumpy(dx), asnumpy(y)])
    for found, expected in zip(*results):
        np.testing.assert_allclose(found, expected, rtol=TOLERANCE[dtype])


def test_relu_keeps_nan(kernel_gpu):
    x = kernel_gpu.asarray(np.array([np.nan, 1.0]))
    plan_relu((2,), 0.0, "float64", kernel_gpu).forward(x, x)
    np.testing.assert_array_equal(x.get(), [np.nan, 1])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", [(2, 3, 35), (1, 1, 1), (2, 2, LEAST_RUN + 7), (5, 30, 1)])
@pytest.mark.parametrize("wanted", [(1, 1, 1), (1, 0, 0), (0, 1, 0), (1, 0, 1)])
@pytest.mark.parametrize("in_place", [False, True])
def test_scale(shape, wanted, in_place, dtype, kernel_gpu):
    draws = np.random.default_rng(0)
    x, dy = (draws.normal(size=shape).astype(dtype) for _ in range(2))
    factor, offset = (draws.normal(size=shape[1]).astype(dtype) for _ in range(2))
    results = []
    for (forward, backward), device in ((plan_scale(kernel_gpu, dtype), kernel_gpu), ((scale.forward, scale.backward), CPU)):
        a, slope, by, plus = (device.asarray(v.copy()) for v in (x, dy, factor, offset))
        y, kept = a if in_place else device.xp.empty_like(a), device.xp.empty_like(a)
        forward(a, by, plus if wanted[2] else None, y, kept if in_place else None, rectify=not in_place)
        dx = slope if in_place else device.xp.empty_like(a)
        buffers = [buffer if w else None for buffer, w in zip((dx, device.xp.ones_like(by), device.xp.ones_like(by)), wanted)]
        backward(kept if in_place else a, slope, by, *buffers)
        results.append([asnumpy(v) for v in (y, *buffers) if v is not None])
    for i, (found, expected) in enumerate(zip(*results)):
        compare(f"array {i}", found, expected, TOLERANCE[dtype] * 5)
