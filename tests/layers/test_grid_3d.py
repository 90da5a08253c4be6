import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)


def example(batch=2, height=3, width=5):
    """Return depth and intrinsics (one with a negative fy)."""
    depth = RNG.uniform(0.5, 4, (batch, 1, height, width))
    intrinsics = RNG.uniform([5, 5, 2, 2], [9, 9, 4, 4], (batch, 4))[:, :, None, None]
    intrinsics[-1, 1] *= -1
    return [depth, intrinsics]


EXAMPLE = dict(bottom=example())


@pytest.mark.parametrize("sizes", [(2, 3, 5), (1, 1, 1), (3, 4, 2)])
@pytest.mark.parametrize("checked", [[0, 1], [0], [1]])
def test_gradient(sizes, checked):
    report = check_layer("Grid3D", example(*sizes), check_bottoms=checked)
    assert report.ok, report


def test_forward_against_a_loop():
    depth, intrinsics = example()
    layer, bottom, top = build_layer("Grid3D", [depth, intrinsics])
    layer.forward(bottom, top)
    for n, v, u in np.ndindex(2, 3, 5):
        fx, fy, cx, cy = intrinsics[n, :, 0, 0]
        d = depth[n, 0, v, u]
        np.testing.assert_allclose(top[0].data[n, :, v, u], [(u - cx) * d / fx, (v - cy) * d / fy, d], atol=1e-14)


def test_its_projection_is_the_pixel_itself():
    depth, intrinsics = example()
    depth[0, 0, 1, 1] = 0
    layer, bottom, points = build_layer("Grid3D", [depth, intrinsics])
    layer.forward(bottom, points)
    projection, bottom, top = build_layer("PinholeProjection", [points[0].data, intrinsics], tops=2)
    projection.forward(bottom, top)
    v, u = np.mgrid[:3, :5]
    expected = np.array([[u, v], [u, v]], float)
    expected[0, :, 1, 1] = -2
    np.testing.assert_allclose(top[1].data, expected, atol=1e-13)


def test_a_new_batch_size():
    layer, bottom, top = build_layer("Grid3D", example(1))
    for blob, value in zip(bottom, example(3)):
        blob.reshape(*value.shape)
        blob.data[...] = value
    layer.reshape(bottom, top)
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data[:, 2], bottom[0].data[:, 0])


def test_intrinsics_of_another_batch():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(1, 4, 1, 1\), expected \(2, 4, 1, 1\)"):
        build_layer("Grid3D", [(2, 1, 3, 5), (1, 4, 1, 1)])
