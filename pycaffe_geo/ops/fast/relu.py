"""ops.relu compiled: one pass over the arrays."""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import kernel

BLOCK = 1 << 12  # elements that one thread takes at a time


class Relu:
    """As ops.relu.Relu."""

    def __init__(self, shape, slope, dtype, device):
        self._slope = np.dtype(dtype).type(slope)

    def forward(self, x, y):
        """As the reference's."""
        _forward(x.reshape(-1), y.reshape(-1), self._slope)

    def backward(self, x, dy, dx):
        """As the reference's."""
        _backward(x.reshape(-1), dy.reshape(-1), dx.reshape(-1), self._slope)


@kernel
def _forward(x, y, slope):
    zero = x.dtype.type(0)
    for block in prange(-(-x.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        source, out = x[part], y[part]
        room = np.empty(BLOCK, x.dtype)  # y may be x: a loop that writes what it reads would run element by element
        if slope == zero:
            for j in range(len(source)):
                room[j] = zero if source[j] <= zero else source[j]
        else:
            for j in range(len(source)):
                room[j] = slope * source[j] if source[j] <= zero else source[j]
        for j in range(len(source)):
            out[j] = room[j]


@kernel
def _backward(x, dy, dx, slope):
    zero = x.dtype.type(0)
    for block in prange(-(-x.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        source, above, out = x[part], dy[part], dx[part]
        room = np.empty(BLOCK, x.dtype)
        if slope == zero:
            for j in range(len(source)):
                room[j] = above[j] if source[j] > zero else zero
        else:
            for j in range(len(source)):
                room[j] = above[j] if source[j] > zero else slope * above[j]
        for j in range(len(source)):
            out[j] = room[j]
