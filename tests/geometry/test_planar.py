import numpy as np
import pytest

from pycaffe_geo.geometry import planar


@pytest.mark.parametrize("origin, expected", [("top_left", (0, 0)), ("center", (2, 1.5))])
def test_origin(origin, expected):
    assert planar.origin_point(4, 5, origin) == expected
    x, y = planar.origin_axes(4, 5, np.empty(0, np.float32), origin)
    assert x.dtype == np.float32 and x.tolist() == [u - expected[0] for u in range(5)]
    assert y.tolist() == [[v - expected[1]] for v in range(4)]


def test_the_centre_stays_in_place():
    turn = np.array([[[0.6, -0.8, 0], [0.8, 0.6, 0]]])
    coords = np.empty((1, 2, 5, 7))
    planar.affine_grid(turn, "center", coords)
    np.testing.assert_allclose(coords[0, :, 2, 3], [3, 2], atol=1e-15)
    np.testing.assert_allclose(coords[0, :, 2, 4], [3.6, 2.8], atol=1e-15)  # x turns towards y
    planar.affine_grid(turn, "top_left", coords)
    np.testing.assert_allclose(coords[0, :, 0, 0], [0, 0], atol=1e-15)


@pytest.mark.parametrize("origin", ["top_left", "center"])
def test_affine_grid_backward_is_the_adjoint(origin):
    rng = np.random.default_rng(0)
    step, dcoords = rng.normal(size=(2, 2, 3)), rng.normal(size=(2, 2, 3, 4))
    base, moved = np.empty_like(dcoords), np.empty_like(dcoords)
    planar.affine_grid(np.zeros((2, 2, 3)), origin, base)
    planar.affine_grid(step, origin, moved)
    gradient = planar.affine_grid_backward(dcoords, origin)
    np.testing.assert_allclose((gradient * step).sum(), (dcoords * (moved - base)).sum(), rtol=1e-13)


@pytest.mark.parametrize("origin", ["top_left", "center"])
def test_pixel_motions_agree_on_a_rotation(origin):
    """The same rotation and translation as an affine grid, as six numbers per pixel, and as SE(2) per pixel."""
    angle, tx, ty = 0.7, 3.0, -2.0
    c, s = np.cos(angle), np.sin(angle)
    A = np.array([[[c, -s, tx], [s, c, ty]]])
    coords = [np.empty((1, 2, 3, 4)) for _ in range(3)]
    planar.affine_grid(A, origin, coords[0])
    planar.pixel_affine(np.broadcast_to(A.reshape(1, 6, 1, 1), (1, 6, 3, 4)), origin, coords[1])
    planar.pixel_se2(np.broadcast_to(np.reshape([angle, tx, ty], (1, 3, 1, 1)), (1, 3, 3, 4)), origin, coords[2])
    np.testing.assert_allclose(coords[1], coords[0], atol=1e-14)
    np.testing.assert_allclose(coords[2], coords[0], atol=1e-14)
