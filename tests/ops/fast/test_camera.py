"""The compiled camera functions against geometry.camera."""

import numpy as np
import pytest
from golden import compare

from pycaffe_geo.geometry import camera

TOLERANCE = {"float32": 2e-6, "float64": 1e-12}
fast = pytest.importorskip("pycaffe_geo.ops.fast.camera")


def scene(batch, height, width, dtype):
    """A random depth image with holes, transforms near 1, intrinsics with fy < 0."""
    rng = np.random.default_rng(0)
    depth = rng.uniform(1, 5, (batch, 1, height, width))
    depth[rng.random(depth.shape) < 0.1] = 0
    T = np.eye(4) + rng.normal(0, 0.05, (batch, 1, 4, 4)) * (np.arange(4) < 3)[:, None]
    K = np.array([width * 0.8, -width * 0.7, width / 2, height / 2]) + rng.random((batch, 4))
    return [a.astype(dtype) for a in (depth, T, K.reshape(batch, 4, 1, 1))]


SHAPES = [(1, 5, 7), (2, 33, 61), (3, 1, 1)]


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES)
def test_transform_grid(shape, dtype):
    depth, T, K = scene(*shape, dtype)
    expected = camera.transform_grid(depth, T, K)
    compare("points", fast.transform_grid(depth, T, K), expected, TOLERANCE[dtype])
    dpoints = np.random.default_rng(1).normal(size=expected.shape).astype(dtype)
    for wanted in ((1, 1, 1), (1, 0, 0), (0, 1, 0), (0, 0, 1)):
        mine, theirs = ([np.full_like(a, np.nan) if w else None for a, w in zip((depth, T, K), wanted)] for _ in range(2))
        fast.transform_grid_backward(depth, T, K, dpoints, *mine)
        camera.transform_grid_backward(depth, T, K, dpoints, *theirs)
        for name, a, b in zip(("ddepth", "dT", "dK"), mine, theirs):
            if b is not None:
                compare(name, a, b, TOLERANCE[dtype])


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("shape", SHAPES)
def test_pinhole(shape, dtype):
    depth, T, K = scene(*shape, dtype)
    points = camera.transform_grid(depth, T, K)
    points[0, 2, 0, 0] = -1
    points[-1, :, -1, -1] = np.nan
    expected = camera.pinhole(points, K, 0.5)
    for name, a, b in zip(("flow", "coords", "validity"), fast.pinhole(points, K, 0.5), expected):
        np.testing.assert_array_equal(a, b, err_msg=name)
    dflow, dcoords = np.random.default_rng(1).normal(size=(2, *expected[0].shape)).astype(dtype)
    for slope in (dcoords, 0):
        mine, theirs = ([np.full_like(a, np.nan) for a in (points, K)] for _ in range(2))
        fast.pinhole_backward(points, K, dflow, slope, 0.5, *mine)
        camera.pinhole_backward(points, K, dflow, slope, 0.5, *theirs)
        for name, a, b in zip(("dpoints", "dK"), mine, theirs):
            compare(name, a, b, TOLERANCE[dtype] * 5)
