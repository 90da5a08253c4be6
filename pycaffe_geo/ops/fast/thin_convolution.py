"""Convolution with few outputs compiled, such as the layers that predict a depth or a flow, or from few channels.

Libraries work on 16 outputs and 16 channels at a time, so that most of their work would be for nothing; here a row of the image
at a time is added up, in vector registers along the row.
"""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import REORDER, helper, kernel

MOST_OUTPUTS = 2
MOST_REST, MOST_BLOCKS = 2, 6  # of channels: beyond them a library's own way is as fast
LEAST_PIXELS = 32  # of a row: shorter ones do not fill the registers


def thin_convolution(x_shape, w_shape, size, stride, pad, dilation, group, dtype, device):
    """Return a ThinConvolution, or None where it would not be faster."""
    thin = w_shape[0] <= MOST_OUTPUTS and _suits(w_shape, size, stride, dilation, group)
    return ThinConvolution(x_shape, w_shape, size, pad, dtype) if thin else None


def thin_rest(block, x_shape, w_shape, size, stride, pad, dilation, group, dtype, device):
    """Return a ThinConvolution of the last channels, few and beyond a multiple of `block`, or None.

    Its forward adds to y, and its backwards write and add to what belongs to these channels.
    """
    channels = x_shape[1]
    ragged = channels > block and 0 < channels % block <= MOST_REST and channels // block <= MOST_BLOCKS
    if not ragged or not _suits(w_shape, size, stride, dilation, group):
        return None
    return ThinConvolution(x_shape, w_shape, size, pad, dtype, channels - channels % block)


def _suits(w_shape, size, stride, dilation, group):
    simple = len(size) == 2 and group == 1 and tuple(stride) == tuple(dilation) == (1, 1)
    return simple and size[1] >= LEAST_PIXELS and tuple(w_shape[2:]) != (1, 1)


class ThinConvolution:
    """A plan as ops.convolution.plan_convolution describes it: stride, dilation and group are 1. first: see `thin_rest`."""

    def __init__(self, x_shape, w_shape, size, pad, dtype, first=0):
        self.out_shape = (x_shape[0], w_shape[0], *size)
        self.first = first
        self._pad = pad
        self._no_bias = np.zeros(w_shape[0], dtype)

    def forward(self, x, w, b, y):
        _forward(x, w, self._no_bias if b is None else b, *self._pad, self.first, y)

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        _backward_data(dy, w, *self._pad, self.first, dx)

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        _backward_weights(x, dy, *self._pad, self.first, dw)

    def backward_bias(self, dy, db):
        db += dy.sum((2, 3)).sum(0)


@kernel(fastmath={"contract"})
def _forward(x, w, b, pad_h, pad_w, first_channel, y):
    _, channels, height, width = x.shape
    batch, outputs, lines, count = y.shape
    for line in prange(batch * lines):
        n, i = line // lines, line % lines
        for o in range(outputs):
            total = y[n, o, i]
            if first_channel == 0:
                total[:] = b[o]
            for c in range(first_channel, channels):
                for p in range(max(0, pad_h - i), min(w.shape[2], height + pad_h - i)):
                    row = x[n, c, i + p - pad_h]
                    for q in range(w.shape[3]):
                        weight, first, last = w[o, c, p, q], max(0, pad_w - q), min(count, width + pad_w - q)
                        part, source = total[first:last], row[first + q - pad_w:last + q - pad_w]
                        for j in range(len(part)):
                            part[j] += weight * source[j]


@kernel(fastmath={"contract"})
def _backward_data(dy, w, pad_h, pad_w, first_channel, dx):
    batch, channels, height, width = dx.shape
    _, outputs, lines, count = dy.shape
    for line in prange(batch * height):
        n, r = line // height, line % height
        for c in range(first_channel, channels):
            total = dx[n, c, r]
            total[:] = 0
            for o in range(outputs):
                for p in range(max(0, r + pad_h - lines + 1), min(w.shape[2], r + pad_h + 1)):
                    row = dy[n, o, r + pad_h - p]
                    for q in range(w.shape[3]):
                        weight, first, last = w[o, c, p, q], max(0, q - pad_w), min(width, count + q - pad_w)
                        part, source = total[first:last], row[first + pad_w - q:last + pad_w - q]
                        for j in range(len(part)):
                            part[j] += weight * source[j]


@helper(fastmath=REORDER)
def _product(part, other):
    total = part.dtype.type(0)
    for j in range(len(part)):
        total += part[j] * other[j]
    return total


@kernel
def _backward_weights(x, dy, pad_h, pad_w, first_channel, dw):
    batch, channels, height, width = x.shape
    _, outputs, lines, count = dy.shape
    for part in prange((channels - first_channel) * outputs):
        c, o = first_channel + part // outputs, part % outputs
        sums = np.zeros(dw[o, c].shape)
        for n in range(batch):
            for i in range(lines):
                slopes = dy[n, o, i]
                for p in range(max(0, pad_h - i), min(dw.shape[2], height + pad_h - i)):
                    row = x[n, c, i + p - pad_h]
                    for q in range(dw.shape[3]):
                        first, last = max(0, pad_w - q), min(count, width + pad_w - q)
                        sums[p, q] += _product(slopes[first:last], row[first + q - pad_w:last + q - pad_w])
        dw[o, c] += sums
