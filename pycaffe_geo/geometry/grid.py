"""Pixel coordinates: origin at the centre of the top-left pixel, u to the right, v down. Cached: treat as read-only."""

from functools import lru_cache

from pycaffe_geo.backend import array_module


def pixel_axes(height, width, like):
    """Return u (W,) = 0..W-1 and v (H,) = 0..H-1, of the module and dtype of the array `like`."""
    return _axes(array_module(like), like.dtype, height, width)


def pixel_grid(height, width, like):
    """Return the pixel coordinates (2, H, W), channel 0 = u and channel 1 = v, of the module and dtype of `like`."""
    return _grid(array_module(like), like.dtype, height, width)


@lru_cache(maxsize=64)
def _axes(xp, dtype, height, width):
    return xp.arange(width, dtype=dtype), xp.arange(height, dtype=dtype)


@lru_cache(maxsize=16)
def _grid(xp, dtype, height, width):
    grid = xp.empty((2, height, width), dtype=dtype)
    u, v = _axes(xp, dtype, height, width)
    grid[0] = u
    grid[1] = v[:, None]
    return grid
