import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.geometry import se3
from pycaffe_geo.gradient_check import build_layer, check_layer

TYPE = "RotateGrid3D"
RNG = np.random.default_rng(0)


def example(batch=2, height=3, width=5):
    """Return transforms, intrinsics (one with a negative fy) and a blob of the grid's size."""
    T = se3.exp(RNG.normal(size=(batch, 6)))[:, None]
    intrinsics = RNG.uniform([5, 5, 2, 2], [9, 9, 4, 4], (batch, 4))[:, :, None, None]
    intrinsics[-1, 1] *= -1
    return [T, intrinsics, np.zeros((1, 1, height, width))]


EXAMPLE = dict(bottom=example())


@pytest.mark.parametrize("sizes", [(2, 3, 5), (1, 1, 1), (3, 4, 2)])
@pytest.mark.parametrize("checked", [[0, 1], [0], [1]])
def test_gradient(sizes, checked):
    report = check_layer(TYPE, example(*sizes), check_bottoms=checked)
    assert report.ok, report


def test_forward_against_a_loop():
    T, intrinsics, _ = bottoms = example()
    layer, bottom, top = build_layer(TYPE, bottoms)
    layer.forward(bottom, top)
    for n, v, u in np.ndindex(2, 3, 5):
        fx, fy, cx, cy = intrinsics[n, :, 0, 0]
        expected = T[n, 0, :3, :3] @ [(u - cx) / fx, (v - cy) / fy, 1]
        np.testing.assert_allclose(top[0].data[n, :, v, u], expected, atol=1e-14)


def test_a_turn_about_the_optical_axis_turns_the_pixels():
    T = np.eye(4).reshape(1, 1, 4, 4)
    T[0, 0, :2, :2] = [[0, -1], [1, 0]]
    T[0, 0, :3, 3] = 7  # does not count
    K = np.array([2.0, 2.0, 1.0, 1.0]).reshape(1, 4, 1, 1)
    layer, bottom, points = build_layer(TYPE, [T, K], rotate_grid_3d_param={"height": 3, "width": 3})
    layer.forward(bottom, points)
    projection, bottom, top = build_layer("PinholeProjection", [points[0].data, K], tops=3)
    projection.forward(bottom, top)
    v, u = np.mgrid[:3, :3]
    np.testing.assert_array_equal(top[1].data, [[2 - v, u]])
    assert top[2].data.all()


@pytest.mark.parametrize("bottoms, size", [(2, {}), (3, {"height": 3, "width": 5})])
def test_needs_one_source_of_its_size(bottoms, size):
    with pytest.raises(SpecError, match="expected height and width, or a last bottom of that size: one of the two"):
        build_layer(TYPE, example()[:bottoms], rotate_grid_3d_param=size)


def test_transform_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 1, 3, 3\), expected \(N, 1, 4, 4\)"):
        build_layer(TYPE, [(2, 1, 3, 3), (2, 4, 1, 1), (2, 1, 3, 5)])
