"""Convolution with few outputs compiled, such as the layers that predict a depth or a flow.

Libraries work on 16 outputs at a time, so that most of their work would be for nothing; here a row of the image at a time is
added up, in vector registers along the row.
"""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import REORDER, kernel

MOST_OUTPUTS = 2
LEAST_PIXELS = 32  # of a row: shorter ones do not fill the registers


def thin_convolution(x_shape, w_shape, size, stride, pad, dilation, group, dtype, device):
    """Return a ThinConvolution, or None where it would not be faster."""
    thin = w_shape[0] <= MOST_OUTPUTS and size[1] >= LEAST_PIXELS and tuple(w_shape[2:]) != (1, 1)
    simple = group == 1 and tuple(stride) == tuple(dilation) == (1, 1)
    return ThinConvolution(x_shape, w_shape, size, pad, dtype) if thin and simple else None


class ThinConvolution:
    """A plan as ops.convolution.plan_convolution describes it: stride, dilation and group are 1."""

    def __init__(self, x_shape, w_shape, size, pad, dtype):
        self.out_shape = (x_shape[0], w_shape[0], *size)
        self._pad = pad
        self._no_bias = np.zeros(w_shape[0], dtype)

    def forward(self, x, w, b, y):
        _forward(x, w, self._no_bias if b is None else b, *self._pad, y)

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        _backward_data(dy, w, *self._pad, dx)

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        _backward_weights(x, dy, *self._pad, dw)

    def backward_bias(self, dy, db):
        db += dy.sum((2, 3)).sum(0)


@kernel(fastmath=REORDER)
def _forward(x, w, b, pad_h, pad_w, y):
    _, channels, height, width = x.shape
    batch, outputs, lines, count = y.shape
    for line in prange(batch * lines):
        n, i = line // lines, line % lines
        for o in range(outputs):
            total = y[n, o, i]
            total[:] = b[o]
            for c in range(channels):
                for p in range(max(0, pad_h - i), min(w.shape[2], height + pad_h - i)):
                    row = x[n, c, i + p - pad_h]
                    for q in range(w.shape[3]):
                        weight, first, last = w[o, c, p, q], max(0, pad_w - q), min(count, width + pad_w - q)
                        part, source = total[first:last], row[first + q - pad_w:last + q - pad_w]
                        for j in range(len(part)):
                            part[j] += weight * source[j]


@kernel(fastmath=REORDER)
def _backward_data(dy, w, pad_h, pad_w, dx):
    batch, channels, height, width = dx.shape
    _, outputs, lines, count = dy.shape
    for line in prange(batch * height):
        n, r = line // height, line % height
        for c in range(channels):
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


@kernel(fastmath=REORDER)
def _backward_weights(x, dy, pad_h, pad_w, dw):
    batch, channels, height, width = x.shape
    _, outputs, lines, count = dy.shape
    none = x.dtype.type(0)
    for c in prange(channels):
        sums = np.zeros(dw[:, c].shape)
        for n in range(batch):
            for i in range(lines):
                for o in range(outputs):
                    slopes = dy[n, o, i]
                    for p in range(max(0, pad_h - i), min(dw.shape[2], height + pad_h - i)):
                        row = x[n, c, i + p - pad_h]
                        for q in range(dw.shape[3]):
                            first, last = max(0, pad_w - q), min(count, width + pad_w - q)
                            slope, source, total = slopes[first:last], row[first + q - pad_w:last + q - pad_w], none
                            for j in range(len(slope)):
                                total += slope[j] * source[j]
                            sums[o, p, q] += total
        dw[:, c] += sums
