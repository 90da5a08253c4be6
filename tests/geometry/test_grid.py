import numpy as np

from pycaffe_geo.geometry import grid


def test_axes_and_grid():
    like = np.empty(0, np.float32)
    u, v = grid.pixel_axes(2, 3, like)
    np.testing.assert_array_equal(u, [0, 1, 2])
    np.testing.assert_array_equal(v, [0, 1])
    pixels = grid.pixel_grid(2, 3, like)
    np.testing.assert_array_equal(pixels, [[[0, 1, 2], [0, 1, 2]], [[0, 0, 0], [1, 1, 1]]])
    assert pixels.dtype == u.dtype == v.dtype == np.float32


def test_grids_are_made_once_per_shape_and_dtype():
    like = np.empty(0, np.float64)
    assert grid.pixel_grid(4, 5, like) is grid.pixel_grid(4, 5, like)
    assert grid.pixel_grid(4, 5, like) is not grid.pixel_grid(4, 5, like.astype(np.float32))
