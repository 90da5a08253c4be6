import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.geometry import se3
from pycaffe_geo.gradient_check import build_layer, check_layer

MODES = ("exponential", "rotated", "direct")
ANGLES = (0, 1e-7, 1e-5, 0.5, np.pi - 1e-6, np.pi)


def twists(shape, seed=0):
    """Return (N, 6, H, W) twists whose rotations have the angles above in turn."""
    twist = np.random.default_rng(seed).normal(size=shape)
    w = twist[:, :3]
    w *= np.resize(ANGLES, (shape[0], 1, *shape[2:])) / np.linalg.norm(w, axis=1, keepdims=True)
    return twist


EXAMPLE = dict(bottom=[(2, 3, 2, 3), twists((2, 6, 2, 3))])


@pytest.mark.parametrize("translation", MODES)
@pytest.mark.parametrize("batch, height, width", [(1, 2, 3), (2, 3, 5)])
def test_gradient(batch, height, width, translation):
    bottom = [(batch, 3, height, width), twists((batch, 6, height, width))]
    report = check_layer("PerPixelSE3", bottom, per_pixel_se3_param={"translation": translation})
    assert report.ok, report


@pytest.mark.parametrize("translation", MODES)
def test_one_pixel_is_the_generators_transform(translation):
    twist = twists((2, 6, 3, 5))
    param = {"translation": translation}
    layer, bottom, top = build_layer("PerPixelSE3", [(2, 3, 3, 5), twist], per_pixel_se3_param=param)
    layer.forward(bottom, top)
    for n, y, x in np.ndindex(2, 3, 5):
        T = se3.exp(twist[n : n + 1, :, y, x], translation)[0]
        expected = T[:3, :3] @ bottom[0].data[n, :, y, x] + T[:3, 3]
        np.testing.assert_allclose(top[0].data[n, :, y, x], expected, atol=1e-14)


def test_forward_is_the_matrix_exponential():
    linalg = pytest.importorskip("scipy.linalg")
    twist = twists((1, 6, 2, 3), seed=1)
    layer, bottom, top = build_layer("PerPixelSE3", [(1, 3, 2, 3), twist])
    layer.forward(bottom, top)
    for y, x in np.ndindex(2, 3):
        a, b, c, *u = twist[0, :, y, x]
        T = linalg.expm([[0, -c, b, u[0]], [c, 0, -a, u[1]], [-b, a, 0, u[2]], [0, 0, 0, 0]])
        np.testing.assert_allclose(top[0].data[0, :, y, x], (T @ [*bottom[0].data[0, :, y, x], 1])[:3], atol=1e-13)


def test_no_point_stays_none():
    points = np.random.default_rng(0).normal(size=(1, 3, 2, 3))
    points[0, :, 1, 1] = 0
    layer, bottom, top = build_layer("PerPixelSE3", [points, twists((1, 6, 2, 3))])
    layer.forward(bottom, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, True], bottom)
    for array in (top[0].data, bottom[0].diff, bottom[1].diff):
        assert not array[0, :, 1, 1].any()
        assert array[0, :, 0, 1].all()


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 6, 4, 4\), expected \(2, 6, 4, 5\)"):
        build_layer("PerPixelSE3", [(2, 3, 4, 5), (2, 6, 4, 4)])
