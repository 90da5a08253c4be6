"""ops.element_cost compiled: one pass over both bottoms and the weights."""

import math

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import REORDER, helper, kernel

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


@helper(fastmath=REORDER)
def _weighted_sum(x, y, s, w):
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += (x[j] - y[j]) * s[j] if w[j] != x.dtype.type(0) else x.dtype.type(0)
    return total


@helper(fastmath=REORDER)
def _sum(x, y, s):
    total = x.dtype.type(0)
    for j in range(len(x)):
        total += (x[j] - y[j]) * s[j]
    return total


@kernel
def _abs_cost(a, b, weights, slope, sums):
    _, channels, size = a.shape
    blocks = -(-size // BLOCK)
    zero, one = a.dtype.type(0), a.dtype.type(1)
    for part in prange(len(sums)):
        plane, first = part // blocks, part % blocks * BLOCK
        n, c, last = plane // channels, plane % channels, min(first + BLOCK, size)
        x, y, s = a[n, c, first:last], b[n, c, first:last], slope[n, c, first:last]
        if weights.size:
            w = weights[n, 0, first:last]
            for j in range(len(x)):
                d = x[j] - y[j] if w[j] != zero else zero
                s[j] = w[j] * (one if d > zero else (-one if d < zero else d))
            sums[part] = _weighted_sum(x, y, s, w)
        else:
            for j in range(len(x)):
                d = x[j] - y[j]
                s[j] = one if d > zero else (-one if d < zero else d)
            sums[part] = _sum(x, y, s)


@kernel
def _square_cost(a, b, weights, slope, sums):
    _, channels, size = a.shape
    blocks = -(-size // BLOCK)
    zero = a.dtype.type(0)
    for part in prange(len(sums)):
        plane, first = part // blocks, part % blocks * BLOCK
        n, c, last = plane // channels, plane % channels, min(first + BLOCK, size)
        x, y, s = a[n, c, first:last], b[n, c, first:last], slope[n, c, first:last]
        if weights.size:
            w = weights[n, 0, first:last]
            for j in range(len(x)):
                s[j] = w[j] * (x[j] - y[j]) if w[j] != zero else zero
            sums[part] = _weighted_sum(x, y, s, w)
        else:
            for j in range(len(x)):
                s[j] = x[j] - y[j]
            sums[part] = _sum(x, y, s)
