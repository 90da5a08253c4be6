"""Convolution over any number of spatial axes: `plan_convolution` takes it where there are more than two."""

import math
from itertools import product


class NdConvolution:
    """A plan as `plan_convolution` describes it, one sample at a time: the inputs under every position of the kernel are copied
    to a column, and all columns are multiplied by the weights."""

    def __init__(self, x_shape, w_shape, size, stride, pad, dilation, group, dtype, device, check=None):
        self.xp = device.xp
        self._matmul = device.matmul
        self.out_shape = (x_shape[0], w_shape[0], *size)
        channels, kernel = x_shape[1], w_shape[2:]
        padded = [n + 2 * p for n, p in zip(x_shape[2:], pad)]
        if check:
            check("a padded sample", channels, *padded)
            check("the columns of a sample", channels, *kernel, *size)
        self._padded = self.xp.empty((channels, *padded), dtype)
        self._inside = (slice(None), *(slice(p, p + n) for n, p in zip(x_shape[2:], pad)))
        self._columns = self.xp.empty((channels, *kernel, *size), dtype)
        self._matrix = self._columns.reshape(group, -1, math.prod(size))
        self._weights_shape = (group, w_shape[0] // group, self._matrix.shape[1])
        self._dw = self.xp.empty(self._weights_shape, dtype)
        self._taps = []
        for tap in product(*map(range, kernel)):
            places = (slice(t * d, t * d + (n - 1) * s + 1, s) for t, d, n, s in zip(tap, dilation, size, stride))
            self._taps.append(((slice(None), *tap), (slice(None), *places)))

    def forward(self, x, w, b, y):
        weights = w.reshape(self._weights_shape)
        for x_sample, y_sample in zip(x, y):
            self._load(x_sample)
            self._matmul(weights, self._matrix, out=self._rows(y_sample))
        if b is not None:
            y += b.reshape(-1, *[1] * (y.ndim - 2))

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        weights = w.reshape(self._weights_shape).swapaxes(1, 2)
        for dy_sample, dx_sample in zip(dy, dx):
            self._matmul(weights, self._rows(dy_sample), out=self._matrix)
            self._padded[...] = 0
            for tap, places in self._taps:
                self._padded[places] += self._columns[tap]
            dx_sample[...] = self._padded[self._inside]

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        total = dw.reshape(self._weights_shape)
        for x_sample, dy_sample in zip(x, dy):
            self._load(x_sample)
            self._matmul(self._rows(dy_sample), self._matrix.swapaxes(1, 2), out=self._dw)
            total += self._dw

    def backward_bias(self, dy, db):
        db += dy.reshape(*dy.shape[:2], -1).sum(axis=2).sum(axis=0)

    def _load(self, sample):
        """Copy what lies under the kernel at all its positions to the columns."""
        self._padded[...] = 0
        self._padded[self._inside] = sample
        for tap, places in self._taps:
            self._columns[tap] = self._padded[places]

    def _rows(self, sample):
        return sample.reshape(*self._weights_shape[:2], -1)
