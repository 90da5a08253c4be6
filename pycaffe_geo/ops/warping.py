"""Bilinear warping planned once per shape, with its buffers and exact gradients."""

import math

import numpy as np

from pycaffe_geo.geometry.sampling import inside_image
from pycaffe_geo.ops import threads
from pycaffe_geo.ops.engines import fast, gpu_allowed
from pycaffe_geo.ops.gpu.warping import GpuWarping


def plan_warping(image_shape, coords_shape, dtype, device):
    """Return a Warping, or a faster object with the same functions."""
    if gpu_allowed(device, dtype):
        return GpuWarping(image_shape, coords_shape, dtype, device)
    kernels = fast("warping", device, dtype)
    if kernels:
        return kernels.Warping(image_shape, coords_shape, dtype, device)
    if threads.worth(device, coords_shape):
        return threads.SharedPlan(lambda batch: Warping((batch, *image_shape[1:]), (batch, *coords_shape[1:]), dtype, device),
                                  image_shape[0], functions=("forward", "backward_coords", "backward_image"))
    return Warping(image_shape, coords_shape, dtype, device)


class Warping:
    """Sample images (N, C, H, W) at coordinates (N, 2, H', W'), channel 0 = x; neighbours outside the image count 0.

    The image is copied into a frame of zeros, so that a pixel's four neighbours always exist: two rows of zeros below,
    one above, and one zero column which ends one row and starts the next. Coordinates without any neighbour in the
    image (also NaN and infinite ones) point at the zeros below, and so get value 0 and gradient 0. The planes are
    ordered (C, N): all channels share one index per output pixel.

    `forward` keeps the cells' differences, from which `backward_coords` takes the derivative of the bilinear surface;
    on an integer coordinate that is the right-hand one. Both backwards belong to the last forward.
    """

    def __init__(self, image_shape, coords_shape, dtype, device):
        self.xp = device.xp
        batch, channels, height, width = image_shape
        self._size = height, width
        self._row = width + 1
        self._frame = (channels, batch, height + 3, self._row)
        self._outer = (channels, batch, *coords_shape[2:])
        pixels = (batch, *coords_shape[2:])
        self._padded = self._zeros(dtype)
        self._x, self._y, self._floor = (self.xp.empty(pixels, dtype) for _ in range(3))
        self._index, self._column = (self.xp.empty(pixels, np.intp) for _ in range(2))
        first_cell = self._row + 1 + self.xp.arange(batch) * ((height + 3) * self._row)
        self._first_cell = first_cell[:, None, None]
        self._value, self._right, self._below, self._below_right, self._scratch = (
            self.xp.empty(self._outer, dtype) for _ in range(5))
        self._image_diff = None

    def forward(self, image, coords, out, validity=None):
        """Write the samples to `out` (N, C, H', W') and, if given, 1 or 0 to `validity` (N, 1, H', W')."""
        xp = self.xp
        self._interior(self._padded)[...] = image.swapaxes(0, 1)
        self._locate(coords)
        row = self._row
        value, right, below, below_right = self._value, self._right, self._below, self._below_right
        for corner, shift in ((value, 0), (right, 1), (below, row), (below_right, row + 1)):
            self._gather(shift, corner)
        right -= value
        below_right -= below
        xp.multiply(right, self._x, out=self._scratch)
        value += self._scratch  # now the value on the upper edge of the cell
        xp.multiply(below_right, self._x, out=self._scratch)
        below += self._scratch
        below -= value  # now the derivative to y
        xp.multiply(below, self._y, out=self._scratch)
        xp.add(value, self._scratch, out=out.swapaxes(0, 1))
        if validity is not None:
            validity[...] = inside_image(coords, *self._size)

    def backward_coords(self, dout, dcoords):
        """Write the gradient (N, 2, H', W') to the coordinates of the last forward, from `dout` (N, C, H', W')."""
        xp, slope, dout = self.xp, self._scratch, dout.swapaxes(0, 1)
        xp.subtract(self._below_right, self._right, out=slope)
        slope *= self._y
        slope += self._right
        slope *= dout
        xp.sum(slope, axis=0, out=dcoords[:, 0])
        xp.multiply(self._below, dout, out=slope)
        xp.sum(slope, axis=0, out=dcoords[:, 1])

    def backward_image(self, dout, dimage):
        """Write the gradient (N, C, H, W) to the image of the last forward, from `dout` (N, C, H', W')."""
        xp, dout = self.xp, dout.swapaxes(0, 1)
        if self._image_diff is None:
            self._image_diff = self._zeros(dout.dtype)
        self._image_diff[...] = 0
        planes = xp.arange(self._frame[0]) * int(np.prod(self._frame[1:]))
        index = (self._index + planes[:, None, None, None]).ravel()
        part = self._scratch
        for weight, shift in ((1 - self._y, 0), (self._y, self._row)):
            edge = dout * weight
            xp.multiply(edge, self._x, out=part)
            xp.add.at(self._image_diff[shift + 1:], index, part.ravel())
            edge -= part
            xp.add.at(self._image_diff[shift:], index, edge.ravel())
        dimage[...] = self._interior(self._image_diff).swapaxes(0, 1)

    def _zeros(self, dtype):
        """Return a flat framed image of zeros, with room for reading it shifted by one row and one pixel."""
        return self.xp.zeros(int(np.prod(self._frame)) + self._row + 1, dtype)

    def _interior(self, flat):
        height, width = self._size
        return flat[:-self._row - 1].reshape(self._frame)[:, :, 1:height + 1, 1:width + 1]

    def _locate(self, coords):
        """Set each output pixel's cell index and its position (x, y) in [0, 1) within that cell."""
        xp, (height, width) = self.xp, self._size
        x, y = coords[:, 0], coords[:, 1]
        outside = ~((x >= -1) & (x < width) & (y >= -1) & (y < height))
        for target, source, parking in ((self._x, x, -1), (self._y, y, height)):
            xp.copyto(target, source)
            xp.copyto(target, parking, where=outside)
        for position, cell in ((self._y, self._index), (self._x, self._column)):
            xp.floor(position, out=self._floor)
            position -= self._floor
            cell[...] = self._floor
        self._index *= self._row
        self._index += self._column
        self._index += self._first_cell

    def _gather(self, shift, out):
        """Write padded[plane, index + shift] to `out`; a shifted view of the flat buffer saves a second index array."""
        index = self._index.ravel()
        planes = self._padded[shift:shift + self._padded.size - self._row - 1].reshape(self._frame[0], math.prod(self._frame[1:]))
        out = out.reshape(self._frame[0], index.size)
        if self.xp is np:
            np.take(planes, index, axis=1, out=out, mode="wrap")  # mode "raise" would copy `out` twice
        else:
            self.xp.take(planes, index, axis=1, out=out)
