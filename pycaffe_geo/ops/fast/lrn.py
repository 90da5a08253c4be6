"""ops.lrn.AcrossChannels compiled: some pixels at a time, whose channels stay in the cache."""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import helper, kernel

BLOCK = 1 << 9  # pixels that one thread takes at a time


class AcrossChannels:
    """As ops.lrn.AcrossChannels."""

    def __init__(self, x_shape, size, alpha, beta, k, dtype, device):
        batch, channels, height, width = x_shape
        self._shape = batch, channels, height * width
        self._reach = size // 2
        self._numbers = np.array([alpha, beta, k], dtype)
        self._scale, self._ratio = (np.empty(self._shape, dtype) for _ in range(2))

    def forward(self, x, y):
        """As the reference's."""
        _forward(x.reshape(self._shape), self._reach, self._numbers, self._scale, y.reshape(self._shape))

    def backward(self, x, dy, dx):
        """As the reference's."""
        arrays = (a.reshape(self._shape) for a in (x, dy, dx))
        _backward(*arrays, self._reach, self._numbers, self._scale, self._ratio)


@helper
def _raise(scale, beta, out):
    """Write scale ^ -beta; beta 0.75, everybody's choice, by two square roots, which cost far less than a power."""
    one = scale.dtype.type(1)
    if beta == 0.75:
        for j in range(len(out)):
            root = np.sqrt(scale[j])
            out[j] = one / (root * np.sqrt(root))
    else:
        for j in range(len(out)):
            out[j] = scale[j] ** -beta


@kernel
def _forward(x, reach, numbers, scale, y):
    batch, channels, pixels = x.shape
    alpha, beta, k = numbers[0], numbers[1], numbers[2]
    blocks = -(-pixels // BLOCK)
    for block in prange(batch * blocks):
        n, part = block // blocks, slice(block % blocks * BLOCK, block % blocks * BLOCK + BLOCK)
        power = np.empty(len(x[n, 0, part]), x.dtype)
        for c in range(channels):
            total, source, out = scale[n, c, part], x[n, c, part], y[n, c, part]
            total[:] = k
            for d in range(max(0, c - reach), min(channels, c + reach + 1)):
                other = x[n, d, part]
                for j in range(len(total)):
                    total[j] += alpha * (other[j] * other[j])
            _raise(total, beta, power)
            for j in range(len(out)):
                out[j] = source[j] * power[j]


@kernel
def _backward(x, dy, dx, reach, numbers, scale, ratio):
    batch, channels, pixels = x.shape
    alpha, beta = numbers[0], numbers[1]
    share = -(alpha * beta + alpha * beta)
    blocks = -(-pixels // BLOCK)
    for block in prange(batch * blocks):
        n, part = block // blocks, slice(block % blocks * BLOCK, block % blocks * BLOCK + BLOCK)
        power = np.empty(len(x[n, 0, part]), x.dtype)
        sums = np.empty_like(power)
        for c in range(channels):
            total, source, above, r = scale[n, c, part], x[n, c, part], dy[n, c, part], ratio[n, c, part]
            _raise(total, beta, power)
            for j in range(len(r)):
                r[j] = above[j] * source[j] * power[j] / total[j]
        for c in range(channels):
            source, above, out = x[n, c, part], dy[n, c, part], dx[n, c, part]
            _raise(scale[n, c, part], beta, power)
            sums[:] = 0
            for d in range(max(0, c - reach), min(channels, c + reach + 1)):
                r = ratio[n, d, part]
                for j in range(len(sums)):
                    sums[j] += r[j]
            for j in range(len(out)):
                out[j] = above[j] * power[j] + share * source[j] * sums[j]
