"""ops.element_cost compiled: one pass over both bottoms and the weights."""

import math

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import REORDER, helper, kernel

BLOCK = 1 << 12  # elements whose costs are added up by one thread


class ElementCost:
    """As ops.element_cost.ElementCost."""

    def __init__(self, kind):
        self._square = kind == "square"

    def forward(self, a, b, weights, scratch):
        """As the reference's."""
        shape, weights = _planes(a, weights)
        sums = np.zeros(shape[0] * shape[1] * -(-shape[2] // BLOCK))
        _costs(a.reshape(shape), b.reshape(shape), weights, self._square, sums)
        return a.dtype.type(sums.sum())

    def backward(self, a, b, weights, factor, da, db):
        """As the reference's."""
        shape, weights = _planes(a, weights)
        da, db = (np.empty((0, 1, 1), a.dtype) if d is None else d.reshape(shape) for d in (da, db))
        _slopes(a.reshape(shape), b.reshape(shape), weights, self._square, a.dtype.type(factor), da, db)


def _planes(a, weights):
    """Return a shape (N, C, size) of `a` and the weights as (N, 1, size), or without elements where there are none."""
    if weights is None:
        return (1, 1, a.size), np.empty((0, 1, 1), a.dtype)
    if weights.size == a.size:
        return (1, 1, a.size), weights.reshape(1, 1, a.size)
    size = math.prod(a.shape[2:])
    return (*a.shape[:2], size), weights.reshape(len(a), 1, size)


@helper(fastmath=REORDER)
def _sum(x, y, w, weighted, square):
    zero, half = x.dtype.type(0), x.dtype.type(0.5)
    total = zero
    for j in range(len(x)):
        d = x[j] - y[j]
        weight = w[j] if weighted else half + half
        d = d if weight != zero else zero
        total += weight * (half * d * d if square else abs(d))
    return total


@kernel
def _costs(a, b, weights, square, sums):
    _, channels, size = a.shape
    blocks = -(-size // BLOCK)
    for part in prange(len(sums)):
        plane, first = part // blocks, part % blocks * BLOCK
        n, c, last = plane // channels, plane % channels, min(first + BLOCK, size)
        x, y = a[n, c, first:last], b[n, c, first:last]
        sums[part] = _sum(x, y, weights[n, 0, first:last] if weights.size else x, weights.size > 0, square)


@helper
def _write_slopes(x, y, w, weighted, square, factor, out):
    zero, one = x.dtype.type(0), x.dtype.type(1)
    for j in range(len(x)):
        d = x[j] - y[j]
        weight = w[j] if weighted else one
        d = d if weight != zero else zero
        s = d if square else (one if d > zero else (-one if d < zero else d))
        out[j] = weight * s * factor


@kernel
def _slopes(a, b, weights, square, factor, da, db):
    batch, channels, size = a.shape
    blocks = -(-size // BLOCK)
    for part in prange(batch * channels * blocks):
        plane, first = part // blocks, part % blocks * BLOCK
        n, c, last = plane // channels, plane % channels, min(first + BLOCK, size)
        x, y = a[n, c, first:last], b[n, c, first:last]
        w = weights[n, 0, first:last] if weights.size else x
        if da.size:
            _write_slopes(x, y, w, weights.size > 0, square, factor, da[n, c, first:last])
        if db.size:
            _write_slopes(x, y, w, weights.size > 0, square, -factor, db[n, c, first:last])
