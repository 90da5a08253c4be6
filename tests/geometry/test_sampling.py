import numpy as np
import pytest

from pycaffe_geo.geometry import camera, sampling
from pycaffe_geo.geometry.grid import pixel_grid


def plain_warp(image, coords):
    """Each corner by itself, in plain Python."""
    batch, channels, height, width = image.shape
    out = np.zeros((batch, channels, *coords.shape[2:]))
    for n, i, j in np.ndindex(batch, *coords.shape[2:]):
        x, y = coords[n, :, i, j]
        if not (abs(x) < 1e6 and abs(y) < 1e6):
            continue
        x0, y0 = int(np.floor(x)), int(np.floor(y))
        for row, column in ((y0, x0), (y0, x0 + 1), (y0 + 1, x0), (y0 + 1, x0 + 1)):
            if 0 <= row < height and 0 <= column < width:
                out[n, :, i, j] += (1 - abs(x - column)) * (1 - abs(y - row)) * image[n, :, row, column]
    return out


def awkward_coords(height, width):
    """Integers, borders, half outside, far outside, huge, infinite and NaN; (1, 2, 1, K)."""
    xs = [0, width - 1, -1, width, -0.5, width - 0.5, -1.5, width + 0.5, 1, 1.25, 1e12, -1e30, np.inf, -np.inf, np.nan, 2, 1]
    ys = [0, height - 1, 0, 0, 0.5, height - 0.25, 1, 1, -1, height, 1, 1, 1, 1, 1, np.nan, np.inf]
    return np.array([xs, ys], float)[None, :, None, :]


def test_warp_matches_a_plain_loop():
    rng = np.random.default_rng(0)
    image = rng.random((2, 3, 4, 5))
    coords = np.concatenate([rng.uniform(-2, 6, (2, 2, 6, 17)), np.repeat(awkward_coords(4, 5), 2, 0)], axis=2)
    out, validity = sampling.warp(image, coords)
    np.testing.assert_allclose(out, plain_warp(image, coords), atol=1e-14)
    x, y = coords[:, 0], coords[:, 1]
    np.testing.assert_array_equal(validity[:, 0], (x >= 0) & (x <= 4) & (y >= 0) & (y <= 3))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_warp_by_the_pixel_grid_is_the_image_itself(dtype):
    image = np.random.default_rng(1).random((1, 2, 4, 5)).astype(dtype)
    out, validity = sampling.warp(image, pixel_grid(4, 5, image)[None])
    np.testing.assert_array_equal(out, image)
    assert out.dtype == validity.dtype == dtype and validity.all()


@pytest.mark.parametrize("size", [(8, 10), (3, 3), (13, 7), (5, 5), (1, 2)])
def test_resize_matches_torch_interpolate(size):
    torch = pytest.importorskip("torch")
    image = np.random.default_rng(2).random((2, 3, 5, 5))
    expected = torch.nn.functional.interpolate(torch.tensor(image), size=size, mode="bilinear", align_corners=False)
    np.testing.assert_allclose(sampling.resize(image, *size), expected.numpy(), atol=1e-14)


def test_resize_keeps_a_ramp_in_step_with_scaled_intrinsics():
    u = pixel_grid(8, 12, np.empty(0))[0]
    small = sampling.resize(u, 4, 6)
    K = camera.scale_intrinsics(np.array([[1.0, 1.0, 0.0, 0.0]]), 0.5, 0.5)
    np.testing.assert_allclose(small[0] * K[0, 0] + K[0, 2], np.arange(6))


def test_resize_of_integers_gives_float32():
    image = np.array([[0, 255], [255, 0]], np.uint8)
    out = sampling.resize(image, 1, 1)
    assert out.dtype == np.float32 and out[0, 0] == 127.5
