import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

K = np.array([[500.0, -480.0, 31.2, 22.9], [100.0, 110.0, -3.0, 0.0]]).reshape(2, 4, 1, 1)
IMAGES = [(2, 3, 15, 33), (2, 1, 7, 16)]
EXAMPLE = dict(bottom=[K, *IMAGES])
RULES = ["half_pixel", "align_corners", "plain"]


def scaled(bottom, **param):
    layer, bottom, top = build_layer("IntrinsicsScale", bottom, intrinsics_scale_param=param)
    layer.forward(bottom, top)
    return top[0].data.reshape(-1, 4)


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("batch", [1, 2])
def test_gradient(rule, batch):
    report = check_layer("IntrinsicsScale", [K[:batch], *IMAGES], intrinsics_scale_param={"rule": rule})
    assert report.ok, report


def test_gradient_with_a_factor():
    report = check_layer("IntrinsicsScale", [K], intrinsics_scale_param={"factor": 0.25})
    assert report.ok, report


def test_values_by_hand():
    assert scaled([K[:1]], factor=0.5).tolist() == [[250, -240, 15.35, 11.2]]
    assert scaled([K[:1]], factor=0.5, rule="plain").tolist() == [[250, -240, 15.6, 11.45]]
    corners = scaled([K[:1], *IMAGES], rule="align_corners")[0]
    np.testing.assert_allclose(corners, [500 * 15 / 32, -480 * 6 / 14, 31.2 * 15 / 32, 22.9 * 6 / 14], rtol=1e-15)


def test_two_halvings_are_one_quartering():
    half = scaled([K], factor=0.5).reshape(2, 4, 1, 1)
    np.testing.assert_allclose(scaled([half], factor=0.5), scaled([K], factor=0.25), rtol=1e-14)


@pytest.mark.parametrize("align_corners", [False, True])
def test_follows_resize(align_corners):
    """A ramp that holds its own ray x / z is resized: the new image holds the rays of the new intrinsics."""
    fx, fy, cx, cy = K[0].ravel()
    v, u = np.mgrid[:15, :33]
    rays = np.stack([(u - cx) / fx, (v - cy) / fy])[None]
    layer, bottom, top = build_layer("Resize", [rays], resize_param={"height": 7, "width": 16, "align_corners": align_corners})
    layer.forward(bottom, top)
    fx, fy, cx, cy = scaled([K[:1], rays, top[0].data], rule="align_corners" if align_corners else "half_pixel")[0]
    v, u = np.mgrid[:7, :16]
    np.testing.assert_allclose(top[0].data[0], [(u - cx) / fx, (v - cy) / fy], atol=1e-13)


@pytest.mark.parametrize("bottom, param", [([K], {}), ([K, *IMAGES], {"factor": 0.5}), ([K, IMAGES[0]], {})])
def test_needs_one_source_of_the_factor(bottom, param):
    with pytest.raises(SpecError, match="expected factor, or two more bottoms of the old and the new size: one of the two"):
        scaled(bottom, **param)


def test_aligned_corners_need_sizes():
    with pytest.raises(SpecError, match="rule align_corners needs two more bottoms"):
        scaled([K], factor=0.5, rule="align_corners")
    with pytest.raises(ShapeError, match=r"sizes are \(1, 4\) and \(3, 8\), expected more than 1 pixels along each axis"):
        scaled([K, (2, 1, 1, 4), (2, 1, 3, 8)], rule="align_corners")


def test_factor_is_positive():
    with pytest.raises(SpecError, match="factor is -0.5, expected a number more than 0"):
        scaled([K], factor=-0.5)


def test_intrinsics_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 4\), expected \(N, 4, 1, 1\)"):
        scaled([(2, 4)], factor=0.5)
