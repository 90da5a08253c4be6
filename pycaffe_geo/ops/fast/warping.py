"""ops.warping.Warping compiled: each image row's cells and weights first, then the samples of all channels."""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import helper, kernel


class Warping:
    """As ops.warping.Warping; backward_image reads the coordinates of the last forward where they lie.

    A sample is a weighted mean of the four pixels of a cell inside the image. At an edge the cell is the last one inside, and
    the weight goes to the pixel that exists; a coordinate without any neighbour gets weights 0. `forward` keeps the sample's
    derivatives to x and y.
    """

    def __init__(self, image_shape, coords_shape, dtype, device):
        batch, channels = image_shape[:2]
        self._coords = None
        self._derivatives = np.empty((batch, channels, *coords_shape[1:]), dtype)
        self._no_validity = np.empty((0, 1, *coords_shape[2:]), dtype)

    def forward(self, image, coords, out, validity=None):
        """As the reference's."""
        self._coords = coords
        _sample(image, coords, out, self._derivatives, self._no_validity if validity is None else validity)

    def backward_coords(self, dout, dcoords):
        """As the reference's."""
        _coords_gradient(self._derivatives, dout, dcoords)

    def backward_image(self, dout, dimage):
        """As the reference's."""
        _image_gradient(self._coords, dout, dimage)


@helper
def _locate(position, near, size, cell, weights):
    """Write the first pixel of each position's cell along one axis, and the weights (4, W') of its two pixels, then their slopes.

    Where not `near` it is parked at -1, where both weights are 0. Loops that write one array each run in vector registers.
    """
    zero, one = position.dtype.type(0), position.dtype.type(1)
    last, final = position.dtype.type(size - 1), position.dtype.type(max(size - 2, 0))
    floor, part = np.empty_like(position), np.empty_like(position)
    for j in range(len(position)):
        floor[j] = np.floor(position[j] if near[j] else -one)
    for j in range(len(position)):
        part[j] = (position[j] if near[j] else -one) - floor[j]
    for j in range(len(position)):
        cell[j] = np.int32(min(max(floor[j], zero), final))
    for j in range(len(position)):
        weights[0, j] = part[j] if floor[j] < zero else (one - part[j] if floor[j] < last else zero)
    for j in range(len(position)):
        weights[1, j] = zero if floor[j] < zero else (part[j] if floor[j] < last else one - part[j])
    for j in range(len(position)):
        weights[2, j] = one if floor[j] < zero else (-one if floor[j] < last else zero)
    for j in range(len(position)):
        weights[3, j] = zero if floor[j] < zero else (one if floor[j] < last else -one)


@helper
def _find(x, y, height, width, index, weights):
    """Write for a row of coordinates the index of each cell, and its weights and slopes along x and along y (2, 4, W')."""
    one = x.dtype.type(1)
    right, bottom = x.dtype.type(width), x.dtype.type(height)
    near, column = np.empty(len(x), np.bool_), np.empty(len(x), np.int32)
    for j in range(len(x)):
        near[j] = (x[j] >= -one) & (x[j] < right) & (y[j] >= -one) & (y[j] < bottom)
    _locate(x, near, width, column, weights[0])
    _locate(y, near, height, index, weights[1])
    for j in range(len(x)):
        index[j] = index[j] * np.int32(width) + column[j]


@helper
def _steps(height, width):
    """Return the steps in a flat plane to the next pixel and row, 0 where there is none; unsigned: no index is negative."""
    return np.uintp(min(width - 1, 1)), np.uintp(width if height > 1 else 0)


@kernel
def _sample(image, coords, out, derivatives, validity):
    batch, channels, height, width = image.shape
    planes = image.reshape(batch, channels, height * width)
    lines, count = out.shape[2:]
    zero, one = image.dtype.type(0), image.dtype.type(1)
    right, bottom = image.dtype.type(width - 1), image.dtype.type(height - 1)
    sx, sy = _steps(height, width)
    for line in prange(batch * lines):
        n, i = line // lines, line % lines
        x, y = coords[n, 0, i], coords[n, 1, i]
        index, weights = np.empty(count, np.int32), np.empty((2, 4, count), image.dtype)
        _find(x, y, height, width, index, weights)
        wl, wr, sl, sr = weights[0, 0], weights[0, 1], weights[0, 2], weights[0, 3]
        wt, wb, st, sb = weights[1, 0], weights[1, 1], weights[1, 2], weights[1, 3]
        corners = np.empty((4, count), image.dtype)
        a, b, d, e = corners[0], corners[1], corners[2], corners[3]
        for c in range(channels):
            p, value, dx, dy = planes[n, c], out[n, c, i], derivatives[n, c, 0, i], derivatives[n, c, 1, i]
            for j in range(count):
                k = np.uintp(index[j])
                a[j], b[j], d[j], e[j] = p[k], p[k + sx], p[k + sy], p[k + sy + sx]
            for j in range(count):  # from here on loops of few arrays, which run in vector registers
                dx[j] = wt[j] * (sl[j] * a[j] + sr[j] * b[j]) + wb[j] * (sl[j] * d[j] + sr[j] * e[j])
            for j in range(count):
                a[j] = wl[j] * a[j] + wr[j] * b[j]
            for j in range(count):
                d[j] = wl[j] * d[j] + wr[j] * e[j]
            for j in range(count):
                value[j] = wt[j] * a[j] + wb[j] * d[j]
            for j in range(count):
                dy[j] = st[j] * a[j] + sb[j] * d[j]
        if validity.size:
            inside = validity[n, 0, i]
            for j in range(count):
                inside[j] = one if (x[j] >= zero) & (x[j] <= right) & (y[j] >= zero) & (y[j] <= bottom) else zero


@kernel
def _coords_gradient(derivatives, dout, dcoords):
    batch, channels, lines, count = dout.shape
    for line in prange(batch * lines):
        n, i = line // lines, line % lines
        for axis in range(2):
            total = dcoords[n, axis, i]
            total[:] = 0
            for c in range(channels):
                slope, derivative = dout[n, c, i], derivatives[n, c, axis, i]
                for j in range(count):
                    total[j] += slope[j] * derivative[j]


@kernel
def _image_gradient(coords, dout, dimage):
    batch, channels, height, width = dimage.shape
    planes = dimage.reshape(batch * channels, height * width)
    lines, count = dout.shape[2:]
    zero = dimage.dtype.type(0)
    sx, sy = _steps(height, width)
    for plane in prange(batch * channels):  # a plane's pixels are added in their order, by one thread
        n, c = plane // channels, plane % channels
        p = planes[plane]
        p[:] = 0
        index, weights = np.empty(count, np.int32), np.empty((2, 4, count), dimage.dtype)
        for i in range(lines):
            _find(coords[n, 0, i], coords[n, 1, i], height, width, index, weights)
            wl, wr, wt, wb = weights[0, 0], weights[0, 1], weights[1, 0], weights[1, 1]
            slope = dout[n, c, i]
            for j in range(count):
                if wt[j] != zero or wb[j] != zero:  # a NaN or infinity without any neighbour goes nowhere
                    k = np.uintp(index[j])
                    upper, lower = slope[j] * wt[j], slope[j] * wb[j]
                    p[k] += upper * wl[j]
                    p[k + sx] += upper * wr[j]
                    p[k + sy] += lower * wl[j]
                    p[k + sy + sx] += lower * wr[j]
