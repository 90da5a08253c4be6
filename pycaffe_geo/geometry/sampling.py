"""Bilinear sampling at given coordinates, and resizing. Images are (N, C, H, W), coordinates (N, 2, H', W') with x first."""

from pycaffe_geo.backend import array_module


def inside_image(coords, height, width):
    """Return a boolean (N, 1, H', W'): 0 <= x <= width - 1 and 0 <= y <= height - 1 (False for NaN)."""
    x, y = coords[:, :1], coords[:, 1:]
    return (x >= 0) & (x <= width - 1) & (y >= 0) & (y <= height - 1)


def warp(image, coords):
    """Return `image` (N, C, H, W) sampled bilinearly at `coords`: (N, C, H', W'), and validity (N, 1, H', W') in 0, 1.

    Neighbours outside the image count 0. This is the plain form, for single pictures and as the reference of
    ops.warping, which keeps its buffers and has the gradients.
    """
    xp = array_module(image)
    height, width = image.shape[2:]
    near = inside_image(coords + 1, height + 2, width + 2)
    x, y = xp.where(near, coords, -2).swapaxes(0, 1)  # far off, infinite or NaN: no neighbour in the image
    left, top = xp.floor(x), xp.floor(y)
    sample = xp.arange(len(image))[:, None, None]
    out = xp.zeros((*image.shape[:2], *coords.shape[2:]), dtype=image.dtype)
    for row in (top, top + 1):
        for column in (left, left + 1):
            exists = (row >= 0) & (row < height) & (column >= 0) & (column < width)
            weight = xp.where(exists, (1 - abs(x - column)) * (1 - abs(y - row)), 0)
            i = xp.where(exists, row, 0).astype(xp.intp)
            j = xp.where(exists, column, 0).astype(xp.intp)
            out += weight[:, None] * image[sample, :, i, j].transpose(0, 3, 1, 2)
    return out, inside_image(coords, height, width).astype(image.dtype)


def resize(image, height, width):
    """Return `image` (..., H, W) at (..., height, width): half-pixel bilinear without antialias, edges repeated.

    Output pixel i looks at (i + 0.5) * old / new - 0.5, so intrinsics follow camera.scale_intrinsics. Floating-point
    images keep their dtype, others become float32.
    """
    xp = array_module(image)
    if image.dtype.kind != "f":
        image = image.astype(xp.float32)
    low, high, fraction = _resize_weights(xp, image.dtype, image.shape[-2], height)
    image = _mix(image[..., low, :], image[..., high, :], fraction[:, None])
    low, high, fraction = _resize_weights(xp, image.dtype, image.shape[-1], width)
    return _mix(image[..., low], image[..., high], fraction)


def _mix(low, high, fraction):
    return low + fraction * (high - low)


def _resize_weights(xp, dtype, old, new):
    """Return for each of `new` pixels its two old neighbours (indices) and the fraction of the second."""
    position = (xp.arange(new, dtype=xp.float64) + 0.5) * (old / new) - 0.5
    position = xp.clip(position, 0, old - 1)
    low = xp.floor(position).astype(xp.intp)
    return low, xp.minimum(low + 1, old - 1), (position - low).astype(dtype)
