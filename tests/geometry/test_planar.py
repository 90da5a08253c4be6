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
