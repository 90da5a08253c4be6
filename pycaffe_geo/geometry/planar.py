"""Motions of the image plane: pixel (x, y) -> coordinates (N, 2, H, W) in pixels, channel 0 = x, and their gradients.

Positions are measured from `origin`: "top_left" is the centre of the top-left pixel, "center" that of the image,
((W - 1) / 2, (H - 1) / 2); the results are pixels as everywhere. With "center" a rotation turns about the image's middle.
A positive angle turns x (right) towards y (down): clockwise as one looks at the image.
"""

from typing import Literal

from pycaffe_geo.backend import array_module, matmul
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


def similarity(numbers):
    """Return [e^l R(theta) | t] (N, 2, 3) of `numbers` (N, 4) = theta (radians), tx, ty, l."""
    xp = array_module(numbers)
    a, b = _scaled_turn(numbers)
    columns = [xp.stack([a, b], axis=1), xp.stack([-b, a], axis=1), numbers[:, 1:3]]
    return xp.stack(columns, axis=2)


def similarity_backward(numbers, dA):
    """Return the gradient (N, 4) to the numbers of `similarity` from `dA` (N, 2, 3)."""
    a, b = _scaled_turn(numbers)
    da, db = dA[:, 0, 0] + dA[:, 1, 1], dA[:, 1, 0] - dA[:, 0, 1]
    columns = [a * db - b * da, dA[:, 0, 2], dA[:, 1, 2], a * da + b * db]
    return array_module(numbers).stack(columns, axis=1)


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
    by_x, by_y = matmul(columns, x.reshape(-1, 1))[..., 0], matmul(dcoords.sum(axis=3), y)[..., 0]
    return array_module(dcoords).stack([by_x, by_y, columns.sum(axis=2)], axis=2)


def pixel_affine(numbers, origin, coords, around_identity=False):
    """Write (a0 x + a1 y + a2, a3 x + a4 y + a5) to `coords`, with six `numbers` (N, 6, H, W) for each pixel.

    `around_identity`: x + a0 x + a1 y + a2 and y + a3 x + a4 y + a5.
    """
    height, width = coords.shape[2:]
    axes = x, y = origin_axes(height, width, coords, origin)
    for channel, start in enumerate(origin_point(height, width, origin)):
        a, b, c = numbers[:, 3 * channel : 3 * channel + 3].swapaxes(0, 1)
        out = coords[:, channel]
        array_module(coords).multiply(a, x, out=out)
        out += b * y
        out += c
        out += axes[channel] + start if around_identity else start


def pixel_affine_backward(dcoords, origin, dnumbers):
    """Write the gradient (N, 6, H, W) to the numbers of `pixel_affine` from `dcoords` (N, 2, H, W)."""
    xp = array_module(dcoords)
    x, y = origin_axes(*dcoords.shape[2:], dcoords, origin)
    xp.multiply(dcoords, x, out=dnumbers[:, 0::3])
    xp.multiply(dcoords, y, out=dnumbers[:, 1::3])
    dnumbers[:, 2::3] = dcoords


def pixel_se2(motion, origin, coords):
    """Write R(theta) (x, y) + t to `coords`, with `motion` (N, 3, H, W) = theta (radians), tx, ty (pixels) for each pixel."""
    height, width = coords.shape[2:]
    for channel, turned in enumerate(_turned(motion[:, 0], height, width, origin)):
        array_module(coords).add(turned, motion[:, 1 + channel], out=coords[:, channel])
        coords[:, channel] += origin_point(height, width, origin)[channel]


def pixel_se2_backward(motion, dcoords, origin, dmotion):
    """Write the gradient (N, 3, H, W) to the motion of `pixel_se2` from `dcoords` (N, 2, H, W)."""
    turned_x, turned_y = _turned(motion[:, 0], *dcoords.shape[2:], origin)
    array_module(dcoords).subtract(dcoords[:, 1] * turned_x, dcoords[:, 0] * turned_y, out=dmotion[:, 0])
    dmotion[:, 1:] = dcoords


def _scaled_turn(numbers):
    """Return e^l cos(theta) and e^l sin(theta), (N,) each."""
    xp = array_module(numbers)
    scale = xp.exp(numbers[:, 3])
    return scale * xp.cos(numbers[:, 0]), scale * xp.sin(numbers[:, 0])


def _turned(angle, height, width, origin):
    """Return R(angle) (x, y), two (N, H, W), for angles (N, H, W)."""
    xp = array_module(angle)
    x, y = origin_axes(height, width, angle, origin)
    cos, sin = xp.cos(angle), xp.sin(angle)
    return cos * x - sin * y, sin * x + cos * y
