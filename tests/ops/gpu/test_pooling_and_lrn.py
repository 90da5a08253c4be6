"""The CUDA kernels of pooling and local response normalisation against the NumPy plans."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops.gpu.lrn import GpuAcrossChannels
from pycaffe_geo.ops.gpu.pooling import GpuPooling
from pycaffe_geo.ops.lrn import plan_lrn
from pycaffe_geo.ops.pooling import plan_pooling

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
WINDOWS = {  # x shape, kernel, stride, pad, round mode
    "k2s2_odd": ((2, 3, 5, 7), (2, 2), (2, 2), (0, 0), "CEIL"),
    "k3s1_pad": ((1, 2, 5, 6), (3, 3), (1, 1), (1, 1), "CEIL"),
    "k3s3_pad": ((1, 2, 7, 8), (3, 3), (3, 3), (2, 2), "CEIL"),
    "floor": ((2, 3, 8, 9), (3, 3), (2, 2), (1, 1), "FLOOR"),
    "rectangular": ((2, 2, 7, 10), (3, 4), (2, 3), (1, 2), "CEIL"),
    "stride_over_kernel": ((1, 2, 5, 8), (2, 2), (3, 3), (0, 0), "CEIL"),
    "empty_windows": ((1, 2, 5, 5), (1, 2), (3, 5), (0, 0), "CEIL"),
    "global": ((2, 3, 4, 6), None, (1, 1), (0, 0), "CEIL"),
    "wide_kernel": ((1, 1, 2, 300), (2, 290), (1, 3), (0, 0), "CEIL"),
}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("name", WINDOWS)
def test_pooling(method, name, dtype, kernel_gpu):
    shape, kernel, stride, pad, round_mode = WINDOWS[name]
    draws = np.random.default_rng(0)
    x = draws.integers(-4, 5, shape).astype(dtype)  # with ties
    options = dict(kernel=kernel, stride=stride, pad=pad, round_mode=round_mode, mask=method == "MAX", dtype=dtype)
    results = []
    for device in (kernel_gpu, CPU):
        plan = plan_pooling(method, shape, **options, device=device)
        assert isinstance(plan, GpuPooling) == device.compiles
        dy = np.random.default_rng(1).normal(size=plan.out_shape).astype(dtype)
        y, mask, dx = (device.asarray(np.full(s, np.nan, dtype)) for s in (plan.out_shape, plan.out_shape, shape))
        plan.forward(device.asarray(x), y, *([mask] if method == "MAX" else []))
        plan.backward(device.asarray(dy), dx)
        results.append([asnumpy(a) for a in (y, mask, dx)])
    for what, mine, theirs in zip(("y", "mask", "dx"), *results):
        compare(what, mine, theirs, TOLERANCE[dtype])


def test_nan_is_a_maximum(kernel_gpu):
    plan = plan_pooling("MAX", (1, 1, 1, 4), (1, 4), dtype="float32", device=kernel_gpu)
    y = kernel_gpu.xp.zeros((1, 1, 1, 1), "float32")
    plan.forward(kernel_gpu.asarray(np.array([[[[1, np.nan, 3, 2]]]], "float32")), y)
    assert np.isnan(y.get()).all()


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape, size", [((2, 7, 3, 5), 5), ((1, 2, 1, 3), 7), ((1, 1, 2, 2), 1), ((3, 300, 1, 1), 3)])
@pytest.mark.parametrize("beta", [0.75, 0.5])
def test_lrn(shape, size, beta, dtype, kernel_gpu):
    draws = np.random.default_rng(0)
    x, dy = (draws.normal(size=shape).astype(dtype) for _ in range(2))
    results = []
    for device in (kernel_gpu, CPU):
        plan = plan_lrn("ACROSS_CHANNELS", shape, size, alpha=0.5, beta=beta, k=2.0, dtype=dtype, device=device)
        assert isinstance(plan, GpuAcrossChannels) == device.compiles
        y, dx = (device.asarray(np.full(shape, np.nan, dtype)) for _ in range(2))
        plan.forward(device.asarray(x), y)
        plan.backward(device.asarray(x), device.asarray(dy), dx)
        results.append([asnumpy(a) for a in (y, dx)])
    for what, mine, theirs in zip(("y", "dx"), *results):
        compare(what, mine, theirs, TOLERANCE[dtype])
