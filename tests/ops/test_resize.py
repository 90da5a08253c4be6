import numpy as np
import pytest

from pycaffe_geo.backend import CPU
from pycaffe_geo.geometry import sampling
from pycaffe_geo.ops.resize import Resize

SIZES = [(5, 7, 10, 14), (1, 1, 3, 4), (9, 8, 1, 1), (7, 5, 3, 8), (4, 6, 4, 6), (2, 13, 31, 5)]
WAYS = [("bilinear", False), ("bilinear", True), ("nearest", False), ("nearest", True), ("area", False)]
RNG = np.random.default_rng(0)


def resized(x, height, width, mode="bilinear", align_corners=False):
    y = np.full((*x.shape[:2], height, width), np.nan, x.dtype)
    Resize(x.shape, height, width, mode, align_corners, x.dtype, CPU).forward(x, y)
    return y


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-13), ("float32", 1e-5)])
@pytest.mark.parametrize("mode, align_corners", WAYS)
@pytest.mark.parametrize("height, width, new_height, new_width", SIZES)
def test_backward_is_the_adjoint(height, width, new_height, new_width, mode, align_corners, dtype, tolerance):
    x, dy = RNG.normal(size=(2, 3, height, width)).astype(dtype), RNG.normal(size=(2, 3, new_height, new_width)).astype(dtype)
    y, dx = np.full_like(dy, np.nan), np.full_like(x, np.nan)
    plan = Resize(x.shape, new_height, new_width, mode, align_corners, dtype, CPU)
    for _ in range(2):  # buffers are used again
        plan.forward(x, y)
        plan.backward(dy, dx)
    assert np.vdot(y, dy) == pytest.approx(np.vdot(x, dx), abs=tolerance * y.size)


@pytest.mark.parametrize("height, width, new_height, new_width", SIZES)
def test_bilinear_is_that_of_pictures(height, width, new_height, new_width):
    x = RNG.normal(size=(2, 3, height, width))
    np.testing.assert_allclose(resized(x, new_height, new_width), sampling.resize(x, new_height, new_width), atol=1e-13)


@pytest.mark.parametrize("mode, align_corners", WAYS)
@pytest.mark.parametrize("height, width, new_height, new_width", SIZES)
def test_a_constant_stays_and_the_same_size_is_a_copy(height, width, new_height, new_width, mode, align_corners):
    np.testing.assert_allclose(resized(np.ones((1, 1, height, width)), new_height, new_width, mode, align_corners), 1, rtol=1e-14)
    x = RNG.normal(size=(1, 2, height, width))
    np.testing.assert_array_equal(resized(x, height, width, mode, align_corners), x)


def test_area_of_a_whole_factor_is_the_mean_of_blocks():
    x = RNG.normal(size=(2, 3, 6, 8))
    np.testing.assert_allclose(resized(x, 3, 4, "area"), x.reshape(2, 3, 3, 2, 4, 2).mean(axis=(3, 5)), rtol=1e-13)


def test_area_of_5_pixels_on_3():
    x = np.array([1.0, 10, 100, 1000, 10000]).reshape(1, 1, 1, 5)
    expected = [(1 + 10 * 2 / 3) * 3 / 5, (10 / 3 + 100 + 1000 / 3) * 3 / 5, (1000 * 2 / 3 + 10000) * 3 / 5]
    np.testing.assert_allclose(resized(x, 1, 3, "area").ravel(), expected, rtol=1e-14)


@pytest.mark.parametrize("old, new", [(5, 9), (4, 7), (3, 25), (9, 3)])
def test_aligned_corners_hit_old_pixels_exactly(old, new):
    x = RNG.normal(size=(1, 1, 1, old))
    y = resized(x, 1, new, align_corners=True)[0, 0, 0]
    for i in range(new):
        if i * (old - 1) % (new - 1) == 0:
            assert y[i] == x[0, 0, 0, i * (old - 1) // (new - 1)]
