"""Resizing images: each axis by itself, as a sum over a few taps, with the exact adjoint for the gradient."""

import math

import numpy as np

from pycaffe_geo.ops.engines import gpu_allowed
from pycaffe_geo.ops.gpu.resize import GpuTaps


class Resize:
    """Plan to resize x (N, C, H, W) to (N, C, height, width).

    mode: "bilinear" (no antialias), "nearest", or "area", the mean over the area that the new pixel covers. Pixels are squares:
    new pixel i of n lies at (i + 0.5) old / n - 0.5, edges repeated; with `align_corners` (not for area) the centres of the
    corner pixels stay where they are: i (old - 1) / (n - 1). `forward` writes y; `backward` writes dx, the adjoint of it.
    """

    def __init__(self, x_shape, height, width, mode, align_corners, dtype, device):
        self.xp = device.xp
        batch, channels, old_height, old_width = x_shape
        rows = _Axis(1, old_height, height, mode, align_corners, dtype, device)
        columns = _Axis(2, old_width, width, mode, align_corners, dtype, device)
        self._first, self._second = (rows, columns) if height < old_height else (columns, rows)  # the smaller array between them
        self._x_shape = batch * channels, old_height, old_width
        self._y_shape = batch * channels, height, width
        between = list(self._x_shape)
        between[self._first.axis] = self._first.new
        self._between = self.xp.empty(between, dtype)
        if gpu_allowed(device, dtype):
            self._apply = GpuTaps(device, dtype)
        else:
            self._apply = self._add_taps
            self._scratch = self.xp.empty(max(map(math.prod, (between, self._x_shape, self._y_shape))), dtype)

    def forward(self, x, y):
        """Write the resized x (N, C, H, W) to y (N, C, height, width)."""
        self._apply(self._first.taps, self._first.axis, x.reshape(self._x_shape), self._between)
        self._apply(self._second.taps, self._second.axis, self._between, y.reshape(self._y_shape))

    def backward(self, dy, dx):
        """Write the gradient to x from dy."""
        self._apply(self._second.adjoint, self._second.axis, dy.reshape(self._y_shape), self._between)
        self._apply(self._first.adjoint, self._first.axis, self._between, dx.reshape(self._x_shape))

    def _add_taps(self, taps, axis, source, out):
        """Write the sum over the taps of weight * (source gathered along `axis`)."""
        part = self._scratch[:out.size].reshape(out.shape)
        for k, (index, weight) in enumerate(zip(*taps)):
            target = part if k else out
            self._take(source, index, axis, target)
            target *= weight if axis == 2 else weight[:, None]
            if k:
                out += part

    def _take(self, source, index, axis, out):
        if self.xp is np:
            np.take(source, index, axis=axis, out=out, mode="clip")  # mode "raise" would copy `out` twice
        else:
            self.xp.take(source, index, axis=axis, out=out)


class _Axis:
    """The matrix (new, old) of one axis as taps, an index and a weight for each output (taps, new), and its transpose."""

    def __init__(self, axis, old, new, mode, align_corners, dtype, device):
        self.axis, self.new = axis, new
        entries = _area(old, new) if mode == "area" else _points(old, new, mode == "nearest", align_corners)
        outputs, inputs, weights = (np.concatenate(e) for e in zip(*entries))
        used = weights != 0
        outputs, inputs, weights = outputs[used], inputs[used], weights[used]
        kinds = np.intp, dtype
        self.taps, self.adjoint = (
            tuple(device.asarray(a.astype(t)) for a, t in zip(_group(*pairs, weights, count), kinds))
            for pairs, count in (((outputs, inputs), new), ((inputs, outputs), old))
        )


def _points(old, new, nearest, align_corners):
    """Return entries (outputs, inputs, weights) of the two neighbours of each new pixel's centre, or of the nearest one.

    In whole numbers, so that pixels that fall on pixels do so exactly: the centre lies at numerator / denominator.
    """
    i = np.arange(new)
    if align_corners:
        numerator, denominator = 2 * i * (old - 1), 2 * max(new - 1, 1)
    else:
        numerator, denominator = (2 * i + 1) * old - new, 2 * new
    if nearest:
        return [(i, np.clip((2 * numerator + denominator) // (2 * denominator), 0, old - 1), np.ones(new))]
    numerator = np.clip(numerator, 0, (old - 1) * denominator)
    low = numerator // denominator
    fraction = numerator % denominator / denominator
    return [(i, low, 1 - fraction), (i, np.minimum(low + 1, old - 1), fraction)]


def _area(old, new):
    """Return entries of every old pixel that overlaps the new one, in units of 1 / new old pixels, so in whole numbers."""
    i = np.arange(new)
    first = i * old // new
    entries = []
    for k in range(-(-old // new) + 1):
        pixel = first + k
        overlap = np.minimum((pixel + 1) * new, (i + 1) * old) - np.maximum(pixel * new, i * old)
        entries.append((i, np.minimum(pixel, old - 1), np.maximum(overlap, 0) / old))
    return entries


def _group(outputs, inputs, weights, count):
    """Return taps: indices and weights (taps, count), weight 0 where an output has no more."""
    order = np.argsort(outputs, kind="stable")
    outputs, inputs, weights = outputs[order], inputs[order], weights[order]
    rank = np.arange(outputs.size) - np.searchsorted(outputs, outputs)
    index = np.zeros((rank.max() + 1, count), np.intp)
    weight = np.zeros(index.shape)
    index[rank, outputs] = inputs
    weight[rank, outputs] = weights
    return index, weight
