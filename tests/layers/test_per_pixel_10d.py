import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

ANGLES = (0, 1e-7, 1e-5, 0.5, np.pi - 1e-6, np.pi)


def numbers(shape, seed=0):
    """Return (N, 10, H, W) numbers whose angles are those above in turn."""
    values = np.random.default_rng(seed).normal(size=shape)
    w = values[:, :3]
    w *= np.resize(ANGLES, (shape[0], 1, *shape[2:])) / np.linalg.norm(w, axis=1, keepdims=True)
    return values


EXAMPLE = dict(bottom=[(2, 3, 2, 3), numbers((2, 10, 2, 3))])


def move(points, values):
    layer, bottom, top = build_layer("PerPixel10D", [points, values])
    layer.forward(bottom, top)
    return bottom[0].data, top[0].data


@pytest.mark.parametrize("checked", [[0, 1], [0], [1]])
@pytest.mark.parametrize("batch, height, width", [(1, 2, 3), (2, 3, 5), (1, 1, 1)])
def test_gradient(batch, height, width, checked):
    bottom = [(batch, 3, height, width), numbers((batch, 10, height, width))]
    report = check_layer("PerPixel10D", bottom, check_bottoms=checked)
    assert report.ok, report


def test_forward_with_rotations_of_scipy():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    values = numbers((2, 10, 3, 5))
    points, moved = move((2, 3, 3, 5), values)
    for n, v, u in np.ndindex(2, 3, 5):
        w, t, scale, pivot = np.split(values[n, :, v, u], (3, 6, 7))
        arm = points[n, :, v, u] - pivot
        expected = np.exp(scale) * rotation.from_rotvec(w).apply(arm) + pivot + t
        np.testing.assert_allclose(moved[n, :, v, u], expected, atol=1e-12)


def test_the_pivot_itself_is_only_translated():
    values = numbers((1, 10, 2, 3))
    points, moved = move(values[:, 7:].copy(), values)
    np.testing.assert_allclose(moved - points, values[:, 3:6], atol=1e-14)


def test_without_a_pivot_it_is_a_similarity():
    values = numbers((2, 10, 3, 5))
    values[:, 7:] = 0
    points, moved = move((2, 3, 3, 5), values)
    layer, bottom, top = build_layer("PerPixelSim3", [points, values[:, :7]], per_pixel_sim3_param={"translation": "direct"})
    layer.forward(bottom, top)
    np.testing.assert_array_equal(moved, top[0].data)


def test_zeros_move_nothing():
    points, moved = move((2, 3, 3, 5), np.zeros((2, 10, 3, 5)))
    np.testing.assert_array_equal(moved, points)


def test_no_point_stays_none_and_gives_no_gradient():
    points = np.random.default_rng(0).normal(size=(1, 3, 2, 3))
    points[..., 1, 1] = 0
    layer, bottom, top = build_layer("PerPixel10D", [points, numbers((1, 10, 2, 3))])
    layer.forward(bottom, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, True], bottom)
    assert not any(a[..., 1, 1].any() for a in (top[0].data, bottom[0].diff, bottom[1].diff))


def test_ten_channels():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 7, 4, 5\), expected \(2, 10, 4, 5\)"):
        move((2, 3, 4, 5), (2, 7, 4, 5))
