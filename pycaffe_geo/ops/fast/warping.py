"""ops.warping.Warping compiled: each image row's cells first, then the samples of all channels."""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import CONTRACT, helper, kernel


class Warping:
    """As ops.warping.Warping; backward_image reads the coordinates of the last forward where they lie.

    Each image in turn is copied into the same frame of zeros; its planes keep their order. `forward` keeps the samples'
    derivatives to x and y.
    """

    def __init__(self, image_shape, coords_shape, dtype, device):
        batch, channels, height, width = image_shape
        self._framed = np.zeros((channels, height + 3, width + 1), dtype)
        self._derivatives = np.empty((batch, channels, *coords_shape[1:]), dtype)
        self._no_validity = np.empty((0, 1, *coords_shape[2:]), dtype)
        self._coords = self._framed_diff = None

    def forward(self, image, coords, out, validity=None):
        """As the reference's."""
        self._coords = coords
        _sample(image, self._framed, coords, out, self._derivatives, self._no_validity if validity is None else validity)

    def backward_coords(self, dout, dcoords):
        """As the reference's."""
        _coords_gradient(self._derivatives, dout, dcoords)

    def backward_image(self, dout, dimage):
        """As the reference's."""
        if self._framed_diff is None:
            self._framed_diff = np.empty((len(dimage), *self._framed.shape), dimage.dtype)
        _image_gradient(self._coords, dout, self._framed_diff, dimage)


@helper
def _find(x, y, height, width, index, part_x, part_y):
    """Write for a row of coordinates the first pixel of each cell in the frame, and the place within the cell, from 0 to 1.

    A coordinate without any neighbour is sent to the zeros below the image. Loops that write one array each run in vector
    registers.
    """
    zero, one = x.dtype.type(0), x.dtype.type(1)
    right, bottom, row = x.dtype.type(width), x.dtype.type(height), np.int32(width + 1)
    for j in range(len(x)):
        near = (x[j] >= -one) & (x[j] < right) & (y[j] >= -one) & (y[j] < bottom)
        part_x[j] = x[j] - np.floor(x[j]) if near else zero
    for j in range(len(x)):
        near = (x[j] >= -one) & (x[j] < right) & (y[j] >= -one) & (y[j] < bottom)
        part_y[j] = y[j] - np.floor(y[j]) if near else zero
    for j in range(len(x)):
        near = (x[j] >= -one) & (x[j] < right) & (y[j] >= -one) & (y[j] < bottom)
        i, k = (np.floor(y[j]) if near else bottom), (np.floor(x[j]) if near else -one)
        index[j] = np.int32(i + one) * row + np.int32(k + one)


@kernel(fastmath=CONTRACT)
def _sample(image, framed, coords, out, derivatives, validity):
    batch, channels, height, width = image.shape
    planes = framed.reshape(channels, (height + 3) * (width + 1))
    right, below = np.uintp(1), np.uintp(width + 1)  # unsigned: no index is negative
    lines, count = out.shape[2:]
    zero, one = image.dtype.type(0), image.dtype.type(1)
    last, lowest = image.dtype.type(width - 1), image.dtype.type(height - 1)
    for n in range(batch):
        for row in prange(channels * height):
            c, i = row // height, row % height
            source, target = image[n, c, i], framed[c, i + 1]
            for j in range(width):
                target[j + 1] = source[j]
        for i in prange(lines):
            x, y = coords[n, 0, i], coords[n, 1, i]
            index, part = np.empty(count, np.int32), np.empty((2, count), image.dtype)
            part_x, part_y = part[0], part[1]
            _find(x, y, height, width, index, part_x, part_y)
            for c in range(channels):
                p, value, dx, dy = planes[c], out[n, c, i], derivatives[n, c, 0, i], derivatives[n, c, 1, i]
                for j in range(count):
                    k = np.uintp(index[j])
                    a, b, d, e = p[k], p[k + right], p[k + below], p[k + below + right]
                    upper, lower = b - a, e - d
                    top = a + part_x[j] * upper
                    slope = d + part_x[j] * lower - top
                    value[j] = top + part_y[j] * slope
                    dx[j] = upper + part_y[j] * (lower - upper)
                    dy[j] = slope
            if validity.size:
                inside = validity[n, 0, i]
                for j in range(count):
                    inside[j] = one if (x[j] >= zero) & (x[j] <= last) & (y[j] >= zero) & (y[j] <= lowest) else zero


@kernel(fastmath=CONTRACT)
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
def _image_gradient(coords, dout, framed, dimage):
    batch, channels, height, width = dimage.shape
    planes = framed.reshape(batch * channels, (height + 3) * (width + 1))
    right, below = np.uintp(1), np.uintp(width + 1)
    lines, count = dout.shape[2:]
    one = dimage.dtype.type(1)
    for plane in prange(batch * channels):  # a plane's pixels are added in their order, by one thread
        n, c = plane // channels, plane % channels
        p = planes[plane]
        p[:] = 0
        index, part = np.empty(count, np.int32), np.empty((2, count), dimage.dtype)
        part_x, part_y = part[0], part[1]
        for i in range(lines):
            _find(coords[n, 0, i], coords[n, 1, i], height, width, index, part_x, part_y)
            slope = dout[n, c, i]
            for j in range(count):
                k = np.uintp(index[j])
                upper, lower = slope[j] * (one - part_y[j]), slope[j] * part_y[j]
                p[k] += upper * (one - part_x[j])
                p[k + right] += upper * part_x[j]
                p[k + below] += lower * (one - part_x[j])
                p[k + below + right] += lower * part_x[j]
        for i in range(height):
            source, target = framed[n, c, i + 1], dimage[n, c, i]
            for j in range(width):
                target[j] = source[j + 1]
