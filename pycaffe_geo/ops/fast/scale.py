"""ops.scale compiled: one pass over the arrays; the sums of both gradients in the pass that writes dx."""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import REORDER, helper, kernel

BLOCK = 1 << 10  # elements added up in the arrays' own precision; the sums of blocks are added in float64


def forward(x, factor, offset, y, kept=None, rectify=False):
    """As ops.scale.forward."""
    offset = np.zeros_like(factor) if offset is None else offset
    least = x.dtype.type(0 if rectify else -np.inf)
    _forward(x, factor, offset, y, np.empty((0, 1, 1), x.dtype) if kept is None else kept, least)


def backward(x, dy, factor, dx=None, dfactor=None, doffset=None):
    """As ops.scale.backward."""
    outer, channels, _ = dy.shape
    none = np.empty((0, 1, 1), dy.dtype)
    sums = np.empty((2, outer, channels))
    _backward(none if dfactor is None else x, dy, factor, none if dx is None else dx, sums)
    if dfactor is not None:
        dfactor += sums[0].sum(axis=0)
    if doffset is not None:
        doffset += sums[1].sum(axis=0)


@kernel
def _forward(x, factor, offset, y, kept, least):
    outer, channels, size = x.shape
    for plane in prange(outer * channels):
        n, c = plane // channels, plane % channels
        by, plus = factor[c], offset[c]
        room = np.empty(BLOCK, x.dtype)  # y may be x: a loop that writes what it reads would run element by element
        for first in range(0, size, BLOCK):
            part, out = x[n, c, first:first + BLOCK], y[n, c, first:first + BLOCK]
            for j in range(len(part)):
                room[j] = part[j]
            if kept.size:
                saved = kept[n, c, first:first + BLOCK]
                for j in range(len(part)):
                    saved[j] = room[j]
            for j in range(len(part)):
                value = room[j] * by + plus
                out[j] = least if value <= least else value


@helper(fastmath=REORDER)
def _sum(part):
    total = part.dtype.type(0)
    for j in range(len(part)):
        total += part[j]
    return total


@helper(fastmath=REORDER)
def _product(part, other):
    total = part.dtype.type(0)
    for j in range(len(part)):
        total += part[j] * other[j]
    return total


@kernel
def _backward(x, dy, factor, dx, sums):
    outer, channels, size = dy.shape
    for plane in prange(outer * channels):
        n, c = plane // channels, plane % channels
        room, by = np.empty(BLOCK, dy.dtype), factor[c]
        product, total = 0.0, 0.0
        for first in range(0, size, BLOCK):
            slope = dy[n, c, first:first + BLOCK]
            total += _sum(slope)
            if x.size:
                product += _product(slope, x[n, c, first:first + BLOCK])
            if dx.size:
                out = dx[n, c, first:first + BLOCK]
                for j in range(len(slope)):
                    room[j] = slope[j]
                for j in range(len(slope)):
                    out[j] = room[j] * by
        sums[0, n, c], sums[1, n, c] = product, total
