"""ops.element_cost compiled: one pass over both bottoms and the weights."""

import math

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import REORDER, kernel

BLOCK = 1 << 12  # elements whose costs are added up by one thread


def abs_cost(a, b, weights, slope, scratch):
    """As ops.element_cost says for "abs"."""
    return _run(_abs_cost, a, b, weights, slope)


def square_cost(a, b, weights, slope, scratch):
    """As ops.element_cost says for "square"."""
    return _run(_square_cost, a, b, weights, slope)


def _run(cost, a, b, weights, slope):
    shape = 1, 1, a.size
    if weights is None:
        weights = np.empty((0, 1, 1), a.dtype)
    elif weights.size == a.size:
        weights = weights.reshape(shape)
    else:
        shape = *a.shape[:2], math.prod(a.shape[2:])
        weights = weights.reshape(shape[0], 1, shape[2])
    sums = np.zeros(shape[0] * shape[1] * -(-shape[2] // BLOCK))
    cost(a.reshape(shape), b.reshape(shape), weights, slope.reshape(shape), sums)
    return a.dtype.type(sums.sum())


@kernel(fastmath=REORDER)
def _abs_cost(a, b, weights, slope, sums):
    _, channels, size = a.shape
    blocks = -(-size // BLOCK)
    zero, one = a.dtype.type(0), a.dtype.type(1)
    for part in prange(len(sums)):
        plane, first = part // blocks, part % blocks * BLOCK
        n, c, last = plane // channels, plane % channels, min(first + BLOCK, size)
        x, y, s = a[n, c, first:last], b[n, c, first:last], slope[n, c, first:last]
        total = zero
        if weights.size:
            w = weights[n, 0, first:last]
            for j in range(len(x)):
                d = x[j] - y[j] if w[j] != zero else zero
                s[j] = w[j] * (one if d > zero else (-one if d < zero else d))
                total += d * s[j]
        else:
            for j in range(len(x)):
                d = x[j] - y[j]
                s[j] = one if d > zero else (-one if d < zero else d)
                total += d * s[j]
        sums[part] = total


@kernel(fastmath=REORDER)
def _square_cost(a, b, weights, slope, sums):
    _, channels, size = a.shape
    blocks = -(-size // BLOCK)
    zero = a.dtype.type(0)
    for part in prange(len(sums)):
        plane, first = part // blocks, part % blocks * BLOCK
        n, c, last = plane // channels, plane % channels, min(first + BLOCK, size)
        x, y, s = a[n, c, first:last], b[n, c, first:last], slope[n, c, first:last]
        total = zero
        if weights.size:
            w = weights[n, 0, first:last]
            for j in range(len(x)):
                d = x[j] - y[j] if w[j] != zero else zero
                s[j] = w[j] * d
                total += d * s[j]
        else:
            for j in range(len(x)):
                s[j] = x[j] - y[j]
                total += s[j] * s[j]
        sums[part] = total
