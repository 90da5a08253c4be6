"""ops.batch_norm compiled: a channel is worked on as a whole, by one thread, while it lies in the cache."""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import REORDER, helper, kernel

BLOCK = 1 << 10  # elements added up in the arrays' own precision; the sums of blocks are added in float64


def forward(x, y, eps):
    """As ops.batch_norm.forward."""
    mean, variance, inverse = (np.empty(x.shape[1], x.dtype) for _ in range(3))
    _forward(x, y, eps, mean, variance, inverse)
    return mean, variance, inverse


def backward(dy, y, inverse, dx, lend):
    """As ops.batch_norm.backward."""
    _backward(dy, y, inverse, dx)


@helper(fastmath=REORDER)
def _sum(part):
    total = part.dtype.type(0)
    for j in range(len(part)):
        total += part[j]
    return total


@helper(fastmath=REORDER)
def _squares(part, middle):
    total = part.dtype.type(0)
    for j in range(len(part)):
        total += (part[j] - middle) * (part[j] - middle)
    return total


@helper(fastmath=REORDER)
def _product(part, other):
    total = part.dtype.type(0)
    for j in range(len(part)):
        total += part[j] * other[j]
    return total


@kernel
def _forward(x, y, eps, mean, variance, inverse):
    batch, channels, size = x.shape
    kind = x.dtype.type
    count = batch * size
    for c in prange(channels):
        total = 0.0
        for n in range(batch):
            for first in range(0, size, BLOCK):
                total += _sum(x[n, c, first:first + BLOCK])
        middle = kind(total / count)
        total = 0.0
        for n in range(batch):
            for first in range(0, size, BLOCK):
                total += _squares(x[n, c, first:first + BLOCK], middle)
        scale = kind(1 / np.sqrt(total / count + eps))
        room = np.empty(BLOCK, x.dtype)  # y may be x: a loop that writes what it reads would run element by element
        for n in range(batch):
            for first in range(0, size, BLOCK):
                part, out = x[n, c, first:first + BLOCK], y[n, c, first:first + BLOCK]
                for j in range(len(part)):
                    room[j] = (part[j] - middle) * scale
                for j in range(len(part)):
                    out[j] = room[j]
        mean[c], variance[c], inverse[c] = middle, total / count, scale


@kernel
def _backward(dy, y, inverse, dx):
    batch, channels, size = dy.shape
    kind = dy.dtype.type
    count = batch * size
    for c in prange(channels):
        total, product = 0.0, 0.0
        for n in range(batch):
            for first in range(0, size, BLOCK):
                part = dy[n, c, first:first + BLOCK]
                total += _sum(part)
                product += _product(part, y[n, c, first:first + BLOCK])
        scale = inverse[c]
        mean, slope = kind(total / count), kind(product / count)
        room = np.empty(BLOCK, dy.dtype)  # as in _forward
        for n in range(batch):
            for first in range(0, size, BLOCK):
                part, middle = dy[n, c, first:first + BLOCK], y[n, c, first:first + BLOCK]
                out = dx[n, c, first:first + BLOCK]
                for j in range(len(part)):
                    room[j] = (part[j] - (middle[j] * slope + mean)) * scale
                for j in range(len(part)):
                    out[j] = room[j]
