import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.geometry import se3
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)


def example(batch=2, height=5, width=7):
    """Return depth, transforms and intrinsics (one with a negative fy)."""
    depth = RNG.uniform(0.5, 4, (batch, 1, height, width))
    T = se3.exp(RNG.normal(size=(batch, 6)))[:, None]
    intrinsics = RNG.uniform([5, 5, 2, 2], [9, 9, 4, 4], (batch, 4))[:, :, None, None]
    intrinsics[-1, 1] *= -1
    return [depth, T, intrinsics]


EXAMPLE = dict(bottom=example())


@pytest.mark.parametrize("sizes", [(2, 5, 7), (1, 1, 1), (3, 4, 6)])
def test_gradient(sizes):
    report = check_layer("Transform3DGrid", example(*sizes))
    assert report.ok, report


@pytest.mark.parametrize("i", [0, 1, 2])
def test_gradient_of_one_bottom_alone(i):
    report = check_layer("Transform3DGrid", example(), check_bottoms=[i])
    assert report.ok, report


def test_forward_against_a_loop():
    bottoms = example()
    layer, bottom, top = build_layer("Transform3DGrid", bottoms)
    layer.forward(bottom, top)
    depth, T, intrinsics = bottoms
    for n in range(2):
        fx, fy, cx, cy = intrinsics[n, :, 0, 0]
        for v in range(5):
            for u in range(7):
                d = depth[n, 0, v, u]
                point = [(u - cx) * d / fx, (v - cy) * d / fy, d, 1]
                np.testing.assert_allclose(top[0].data[n, :, v, u], (T[n, 0] @ point)[:3], atol=1e-12)


def test_a_pixel_without_depth_has_no_point_and_gives_no_gradient():
    bottoms = example()
    bottoms[0][:, :, 1, 2] = 0
    layer, bottom, top = build_layer("Transform3DGrid", bottoms)
    layer.forward(bottom, top)
    assert not top[0].data[:, :, 1, 2].any() and top[0].data[:, :, 1, 3].all()
    top[0].diff[...] = 0
    top[0].diff[:, :, 1, 2] = 1
    layer.backward(top, [True, True, True], bottom)
    assert not any(b.diff.any() for b in bottom)


def test_batch_of_the_transform_must_fit():
    depth, T, intrinsics = example()
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(1, 1, 4, 4\), expected \(2, 1, 4, 4\)"):
        build_layer("Transform3DGrid", [depth, T[:1], intrinsics])


def test_as_the_original():
    """By its published name, GeoTransform; the recorded diffs of d0, T0 and K0 are scratch of Caffe's Scale."""
    check_case("geotransform", skip=["d0.diff", "T0.diff", "K0.diff"])
