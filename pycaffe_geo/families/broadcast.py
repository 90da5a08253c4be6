"""What Scale and Bias share: an operand that spans some axes of the first bottom and is repeated over the others."""

import math

from pycaffe_geo.errors import ShapeError


def operand_shape(layer, bottom, axis, num_axes):
    """Return the shape of a learned operand: `num_axes` axes of bottom[0] from `axis` on (-1: all of them)."""
    shape = bottom[0].shape
    if num_axes == 0:
        return ()
    first = layer.canonical_axis(axis, bottom[0])
    last = len(shape) if num_axes == -1 else first + num_axes
    if not first < last <= len(shape):
        raise ShapeError(
            f"{layer.where}: bottom '{bottom[0].name}' is {shape}, expected num_axes = {num_axes} axes from axis {axis} on"
        )
    return shape[first:last]


def fold(layer, blob, operand, axis):
    """Return (outer, operand, inner): how `blob` folds into three axes so that `operand` (a Blob) spans the middle one."""
    first = layer.canonical_axis(axis, blob) if operand.shape else 0
    last = first + len(operand.shape)
    if blob.shape[first:last] != operand.shape:
        raise ShapeError(
            f"{layer.where}: bottom '{blob.name}' is {blob.shape}, expected the shape of '{operand.name}', {operand.shape}, "
            f"from axis {first} on"
        )
    return math.prod(blob.shape[:first]), operand.count, math.prod(blob.shape[last:])


def sum_around(a):
    """Return the sums (D,) of `a` (outer, D, inner) over its first and last axis."""
    return a.sum(axis=2).sum(axis=0)


def dot_around(xp, a, b):
    """Return the sums (D,) of a * b, both (outer, D, inner), over the first and last axis, without the product in memory."""
    return xp.einsum("odi,odi->od", a, b).sum(axis=0)
