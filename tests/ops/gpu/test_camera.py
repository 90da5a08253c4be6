"""The camera's CUDA kernels against geometry.camera."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.geometry import camera
from pycaffe_geo.ops.camera import camera_functions

TOLERANCE = {"float32": 2e-6, "float64": 1e-13}
SIZES = [(2, 5, 7), (1, 1, 1), (3, 33, 47), (1, 96, 97)]


def numbers(dtype, *shapes):
    draws = np.random.default_rng(0)
    return [draws.normal(size=shape).astype(dtype) for shape in shapes]


def intrinsics(batch, dtype):
    K = np.random.default_rng(1).uniform([5, 5, 2, 2], [9, 9, 4, 4], (batch, 4))
    K[-1, 1] *= -1
    return K.reshape(batch, 4, 1, 1).astype(dtype)


def check(device, dtype, function, inputs, buffers, *options):
    """Compare `function` of the kernels with geometry.camera's: buffers (shapes, or None) full of NaN, in their order."""
    mine = [None if s is None else device.asarray(np.full(s, np.nan, dtype)) for s in buffers]
    theirs = [None if s is None else np.full(s, np.nan, dtype) for s in buffers]
    uploaded = [a if isinstance(a, int) else device.asarray(a) for a in inputs]
    getattr(camera_functions(device, dtype), function)(*uploaded, *options, *mine)
    getattr(camera, function)(*inputs, *options, *theirs)
    for i, (a, b) in enumerate(zip(mine, theirs)):
        if a is not None:
            compare(f"{function}[{i}]", asnumpy(a), b, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("batch, height, width", SIZES)
class TestTransformGrid:
    @pytest.fixture
    def inputs(self, batch, height, width, dtype):
        depth, T, dpoints = numbers(dtype, (batch, 1, height, width), (batch, 1, 4, 4), (batch, 3, height, width))
        depth.reshape(-1)[::3] = 0  # no depth, no point
        return [depth, T, intrinsics(batch, dtype), dpoints]

    def test_forward(self, inputs, kernel_gpu, dtype):
        check(kernel_gpu, dtype, "transform_grid", inputs[:3], [inputs[3].shape])

    @pytest.mark.parametrize("wanted", [(1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)])
    def test_backward(self, inputs, wanted, kernel_gpu, dtype):
        buffers = [a.shape if w else None for a, w in zip(inputs, wanted)]
        check(kernel_gpu, dtype, "transform_grid_backward", inputs, buffers)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("batch, height, width", SIZES)
class TestPinhole:
    @pytest.fixture
    def points(self, batch, height, width, dtype):
        points, = numbers(dtype, (batch, 3, height, width))
        points[:, 2] = abs(points[:, 2]) + 0.2
        z = points[:, 2].reshape(-1)
        z[::5] = np.resize(np.array([0, -1, 1e-3, -0.0, np.nan, 1e-9], dtype), z[::5].size)  # behind, at and near the camera
        return points

    def test_forward(self, points, batch, height, width, kernel_gpu, dtype):
        buffers = [(batch, c, height, width) for c in (2, 2, 1)]
        check(kernel_gpu, dtype, "pinhole", [points, intrinsics(batch, dtype)], buffers, camera.MIN_DEPTH)

    @pytest.mark.parametrize("wanted", [(1, 1), (1, 0), (0, 1)])
    @pytest.mark.parametrize("both", [True, False])
    def test_backward(self, points, batch, height, width, wanted, both, kernel_gpu, dtype):
        inputs = [points, intrinsics(batch, dtype)]
        slopes = numbers(dtype, *[(batch, 2, height, width)] * 2)
        buffers = [a.shape if w else None for a, w in zip(inputs, wanted)]
        dcoords = slopes[1] if both else 0
        check(kernel_gpu, dtype, "pinhole_backward", [*inputs, slopes[0], dcoords], buffers, camera.MIN_DEPTH)
