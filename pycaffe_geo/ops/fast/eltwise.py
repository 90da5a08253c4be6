"""ops.eltwise compiled: one pass over the arrays, however many there are."""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import kernel

BLOCK = 1 << 11  # elements that one thread takes at a time: what is made of them stays in the cache until all arrays are in it


class Sum:
    """As ops.eltwise.Sum."""

    def __init__(self, shape, coeff, dtype, device):
        self._coeff = np.array(coeff, dtype)

    def forward(self, x, y):
        """As the reference's."""
        _sum(_flat(x), self._coeff, y.reshape(-1), y.dtype.type(-np.inf))

    def forward_rectified(self, x, y):
        """As the reference's."""
        _sum(_flat(x), self._coeff, y.reshape(-1), y.dtype.type(0))

    def backward(self, i, x, y, dy, dx):
        """As the reference's."""
        np.multiply(dy, self._coeff[i], out=dx)


class Product:
    """As ops.eltwise.Product, a stable one."""

    def __init__(self, shape, coeff, dtype, device, stable):
        pass

    def forward(self, x, y):
        """As the reference's."""
        _product(_flat(x), y.reshape(-1))

    def backward(self, i, x, y, dy, dx):
        """As the reference's."""
        _product(_flat([dy, *x[:i], *x[i + 1:]]), dx.reshape(-1))


class Maximum:
    """As ops.eltwise.Maximum."""

    def __init__(self, shape, coeff, dtype, device):
        self._winner = np.empty(int(np.prod(shape)), "uint8" if len(coeff) <= 256 else "int32")

    def forward(self, x, y):
        """As the reference's."""
        _maximum(_flat(x), y.reshape(-1), self._winner)

    def backward(self, i, x, y, dy, dx):
        """As the reference's."""
        _of_winner(self._winner, i, dy.reshape(-1), dx.reshape(-1))


def _flat(arrays):
    return tuple(a.reshape(-1) for a in arrays)


@kernel
def _sum(x, coeff, y, least):
    for block in prange(-(-y.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        out, first, second, c, d = y[part], x[0][part], x[1][part], coeff[0], coeff[1]
        for j in range(len(out)):
            out[j] = c * first[j] + d * second[j]
        for k in range(2, len(x)):
            other, c = x[k][part], coeff[k]
            for j in range(len(out)):
                out[j] += c * other[j]
        for j in range(len(out)):
            out[j] = least if out[j] <= least else out[j]


@kernel
def _product(x, y):
    for block in prange(-(-y.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        out, first, second = y[part], x[0][part], x[1][part]
        for j in range(len(out)):
            out[j] = first[j] * second[j]
        for k in range(2, len(x)):
            other = x[k][part]
            for j in range(len(out)):
                out[j] *= other[j]


@kernel
def _maximum(x, y, winner):
    for block in prange(-(-y.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        out, best, first, second = y[part], winner[part], x[0][part], x[1][part]
        for j in range(len(out)):
            best[j] = first[j] <= second[j]
        for j in range(len(out)):
            out[j] = first[j] if first[j] >= second[j] or first[j] != first[j] else second[j]  # NaN where one is
        for k in range(2, len(x)):
            other = x[k][part]
            for j in range(len(out)):
                best[j] = k if other[j] > out[j] else best[j]
            for j in range(len(out)):
                out[j] = out[j] if out[j] >= other[j] or out[j] != out[j] else other[j]


@kernel
def _of_winner(winner, i, dy, dx):
    zero = dy.dtype.type(0)
    for block in prange(-(-dy.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        best, above, out = winner[part], dy[part], dx[part]
        for j in range(len(out)):
            out[j] = above[j] if best[j] == i else zero
