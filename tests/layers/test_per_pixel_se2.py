import cmath

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(2, 3, 3, 5)], per_pixel_se2_param={"origin": "center"})
ORIGINS = ["top_left", "center"]


def move(motion, **param):
    layer, bottom, top = build_layer("PerPixelSE2", [motion], per_pixel_se2_param=param)
    layer.forward(bottom, top)
    return bottom[0].data, top[0].data


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("angle", [0, 1e-7, None, np.pi])
@pytest.mark.parametrize("batch, height, width", [(2, 3, 5), (1, 1, 1)])
def test_gradient(batch, height, width, angle, origin):
    motion = np.random.default_rng(0).normal(size=(batch, 3, height, width))
    if angle is not None:
        motion[:, 0] = angle
    report = check_layer("PerPixelSE2", [motion], per_pixel_se2_param={"origin": origin})
    assert report.ok, report


@pytest.mark.parametrize("origin", ORIGINS)
def test_forward_in_complex_numbers(origin):
    motion, coords = move((2, 3, 3, 6), origin=origin)
    start = 2.5 + 1j if origin == "center" else 0
    for n, v, u in np.ndindex(2, 3, 6):
        theta, tx, ty = motion[n, :, v, u]
        expected = cmath.exp(1j * theta) * (u + 1j * v - start) + start + tx + 1j * ty
        np.testing.assert_allclose(coords[n, :, v, u], [expected.real, expected.imag], atol=1e-13)


@pytest.mark.parametrize("origin", ORIGINS)
def test_no_motion_gives_the_pixels(origin):
    v, u = np.mgrid[:3, :4]
    np.testing.assert_array_equal(move(np.zeros((1, 3, 3, 4)), origin=origin)[1], [[u, v]])


def test_a_quarter_turn_about_the_centre():
    motion = np.zeros((1, 3, 3, 3))
    motion[:, 0] = np.pi / 2
    v, u = np.mgrid[:3, :3]
    np.testing.assert_allclose(move(motion, origin="center")[1], [[2 - v, u]], atol=1e-15)


def test_three_channels():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 2, 3, 5\), expected \(N, 3, H, W\)"):
        move((2, 2, 3, 5))
