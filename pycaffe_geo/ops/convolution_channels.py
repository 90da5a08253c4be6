"""Convolution of small images on a CPU: the channels are spread over the cores, so that each reads its own weights alone."""

import math

import numpy as np

from pycaffe_geo.ops import threads
from pycaffe_geo.ops.convolution_rows import FEW_OUTPUTS, add_taps, patches

BLOCK_BYTES = 8 << 20  # of the copied patches of some samples


class ChannelConvolution:
    """A plan as `plan_convolution` describes it, for weights that are large against the images.

    A thread has some channels c of each group, and all samples n at once, or blocks of them: what each kernel element sees of
    its channels is a row of a matrix (c kh kw, n pixels). With the thread's columns of the weights that gives a sum of outputs,
    and these are added in order. The gradients need no sums: each thread makes those of its own channels.
    """

    rectifies = True

    def __init__(self, x_shape, w_shape, size, stride, pad, dilation, group, dtype, device, check):
        self.out_shape = (x_shape[0], w_shape[0], *size)
        self._dtype, self._group, self._kernel, self._size = np.dtype(dtype), group, w_shape[2:], size
        self._channels, self._outputs = x_shape[1] // group, w_shape[0] // group
        self._stride, self._dilation = stride, dilation
        self._padded = tuple(n + 2 * p for n, p in zip(x_shape[2:], pad))
        self._inside = (..., *(slice(p, p + n) for n, p in zip(x_shape[2:], pad)))
        self._parts = threads.parts()
        taps = x_shape[1] * self._kernel[0] * self._kernel[1] * size[0] * size[1]
        self._block = max(1, min(x_shape[0], BLOCK_BYTES // (taps * self._dtype.itemsize)))
        if check:
            check("padded images", self._block, x_shape[1], *self._padded)
            check("the patches of some samples", self._block, taps)

    def forward(self, x, w, b, y):
        bias = 0 if b is None else b.reshape(self._group, -1, 1, 1, 1)
        for x_block, y_block in self._blocks(x, y):
            with threads.together(self._parts) as run:
                total, *others = run(lambda part, scratch: self._forward_part(part, scratch, x_block, w))
                for other in others:
                    total += other  # in this order, so that another run gives the same
                np.add(total, bias, out=self._by_group(y_block))

    def forward_rectified(self, x, w, b, y):
        self.forward(x, w, b, y)
        np.maximum(y, 0, out=y)

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        for dy_block, dx_block in self._blocks(dy, dx):
            with threads.together(self._parts) as run:
                run(lambda part, scratch: self._data_part(part, scratch, dy_block, w, dx_block))

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        for x_block, dy_block in self._blocks(x, dy):
            with threads.together(self._parts) as run:
                run(lambda part, scratch: self._weights_part(part, scratch, x_block, dy_block, dw))

    def backward_bias(self, dy, db):
        db += dy.sum((2, 3)).sum(0)

    def _forward_part(self, part, scratch, x, w):
        w = self._weights(w, part)
        padded, columns, pixels = self._take(scratch, part, len(x))
        self._load(self._by_group(x)[:, self._mine(part)], padded, columns)
        np.matmul(w, _matrix(columns), out=_matrix(pixels))
        return pixels

    def _data_part(self, part, scratch, dy, w, dx):
        padded, columns, pixels = self._take(scratch, part, len(dy))
        pixels[...] = self._by_group(dy)
        np.matmul(self._weights(w, part).swapaxes(1, 2), _matrix(pixels), out=_matrix(columns))
        padded[...] = 0
        add_taps(columns, padded, self._stride, self._dilation)
        self._by_group(dx)[:, self._mine(part)] = padded[self._inside]

    def _weights_part(self, part, scratch, x, dy, dw):
        dw, transposed = self._weights(dw, part), self._outputs < FEW_OUTPUTS
        made = dw.swapaxes(1, 2) if transposed else dw
        padded, columns, pixels, made = self._take(scratch, part, len(x), made.shape)
        pixels[...] = self._by_group(dy)
        self._load(self._by_group(x)[:, self._mine(part)], padded, columns)
        left, right = _matrix(pixels), _matrix(columns)
        if transposed:
            left, right = right, left
        np.matmul(left, right.swapaxes(1, 2), out=made)
        dw += made.swapaxes(1, 2) if transposed else made

    def _blocks(self, *arrays):
        """Yield each array's part of a block of samples, block after block."""
        for first in range(0, self.out_shape[0], self._block):
            yield [a[first:first + self._block] for a in arrays]

    def _mine(self, part):
        return threads.split(self._channels, self._parts, part)

    def _by_group(self, array):
        """Return (n, channels, H, W) as a view (group, channels / group, n, H, W)."""
        return array.reshape(len(array), self._group, -1, *array.shape[2:]).transpose(1, 2, 0, 3, 4)

    def _weights(self, w, part):
        """Return the columns of the weights that are this part's as a view (group, O / group, c kh kw)."""
        area = self._kernel[0] * self._kernel[1]
        mine = self._mine(part)
        return w.reshape(self._group, self._outputs, -1)[:, :, mine.start * area:mine.stop * area]

    def _take(self, scratch, part, samples, *more):
        """Return padded images (group, c, n, H, W), their patches (group, c, kh, kw, n, H', W'), outputs (group, O / group, n,
        H', W'), and arrays of the shapes `more`."""
        lead = (self._group, len(range(self._channels)[self._mine(part)]))
        size = (samples, *self._size)
        shapes = (*lead, samples, *self._padded), (*lead, *self._kernel, *size), (self._group, self._outputs, *size), *more
        return scratch.take(self._dtype, *shapes)

    def _load(self, x, padded, columns):
        padded[...] = 0
        padded[self._inside] = x
        columns.transpose(0, 1, 4, 2, 3, 5, 6)[...] = patches(padded, self._kernel, self._size, self._stride, self._dilation)


def _matrix(array):
    """Return (group, ..., n, H, W) as (group, ..., n H W), all between made one axis."""
    return array.reshape(len(array), math.prod(array.shape[1:-3]), math.prod(array.shape[-3:]))
