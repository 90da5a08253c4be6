"""Motions of the image plane: pixel (x, y) -> coordinates (N, 2, H, W) in pixels, channel 0 = x, and their gradients.

Positions are measured from `origin`: "top_left" is the centre of the top-left pixel, "center" that of the image,
((W - 1) / 2, (H - 1) / 2); the results are pixels as everywhere. With "center" a rotation turns about the image's middle.
A positive angle turns x (right) towards y (down): clockwise as one looks at the image.
"""

from typing import Literal

from pycaffe_geo.backend import array_module
from pycaffe_geo.geometry.grid import pixel_axes

Origin = Literal["top_left", "center"]


def origin_point(height, width, origin):
    """Return (x, y) of `origin` in pixels."""
    return ((width - 1) / 2, (height - 1) / 2) if origin == "center" else (0, 0)


def origin_axes(height, width, like, origin):
    """Return x (W,) and y (H, 1) of the pixels, measured from `origin`, of the module and dtype of `like`."""
    u, v = pixel_axes(height, width, like)
    x0, y0 = origin_point(height, width, origin)
    return u - x0, (v - y0)[:, None]


def affine_grid(transform, origin, coords):
    """Write A (x, y, 1) to `coords` (N, 2, H, W), A = `transform` (N, 2, 3)."""
    height, width = coords.shape[2:]
    x, y = origin_axes(height, width, coords, origin)
    for channel, start in enumerate(origin_point(height, width, origin)):
        a, b, c = transform[:, channel, :, None, None].swapaxes(0, 1)
        array_module(coords).add(a * x, b * y + (c + start), out=coords[:, channel])


def affine_grid_backward(dcoords, origin):
    """Return the gradient (N, 2, 3) to the transform from `dcoords` (N, 2, H, W)."""
    x, y = origin_axes(*dcoords.shape[2:], dcoords, origin)
    columns = dcoords.sum(axis=2)
    return array_module(dcoords).stack([columns @ x, dcoords.sum(axis=3) @ y[:, 0], columns.sum(axis=2)], axis=2)
