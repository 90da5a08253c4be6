import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(2, 1, 3, 5)], disparity_1d_param={"sign": -1})


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("shape", [(2, 1, 3, 5), (1, 1, 1, 1)])
def test_gradient(shape, sign):
    report = check_layer("Disparity1D", [shape], disparity_1d_param={"sign": sign})
    assert report.ok, report


@pytest.mark.parametrize("sign", [1, -1])
def test_forward_against_a_loop(sign):
    layer, bottom, top = build_layer("Disparity1D", [(2, 1, 3, 5)], disparity_1d_param={"sign": sign})
    layer.forward(bottom, top)
    for n, v, u in np.ndindex(2, 3, 5):
        assert list(top[0].data[n, :, v, u]) == [u + sign * bottom[0].data[n, 0, v, u], v]


@pytest.mark.parametrize("sign", [1, -1])
def test_a_shifted_image_comes_back(sign):
    """A scene at one depth: the left image has at x what the right image has at x - d."""
    d = 2
    scene = np.random.default_rng(0).normal(size=(1, 3, 4, 9))
    left, right = scene[..., :-d], scene[..., d:]
    here, other = (left, right) if sign < 0 else (right, left)
    disparity, bottom, coords = build_layer("Disparity1D", [np.full((1, 1, 4, 7), d)], disparity_1d_param={"sign": sign})
    disparity.forward(bottom, coords)
    warping, bottom, top = build_layer("InverseWarping", [other, coords[0].data], tops=2)
    warping.forward(bottom, top)
    seen = top[1].data[0, 0, 0] == 1
    assert seen.sum() == 5
    np.testing.assert_array_equal(top[0].data[..., seen], here[..., seen])


@pytest.mark.parametrize("sign", [0, 2])
def test_sign_is_one_or_minus_one(sign):
    with pytest.raises(SpecError, match=f"sign is {sign}, expected 1 or -1"):
        build_layer("Disparity1D", [(2, 1, 3, 5)], disparity_1d_param={"sign": sign})


def test_one_channel():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 3, 3, 5\), expected \(N, 1, H, W\)"):
        build_layer("Disparity1D", [(2, 3, 3, 5)])
