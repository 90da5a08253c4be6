"""ops.warping.Warping as CUDA kernels."""

import math

from pycaffe_geo.ops.gpu.kernels import blocks, kernels

CHANNELS = 4  # of a pixel that one thread works on
MOST_BLOCKS = 512  # of the kernel that looks for the largest value


class GpuWarping:
    """As ops.warping.Warping; the backwards read image and coordinates of the last forward where they lie.

    The gradient to the image is added up by atomics in 64-bit fixed point, scaled by its largest value: it has the precision of
    at least float32 sums, and the same bits in every run. Where a value of `dout` is not finite it is NaN everywhere.
    """

    def __init__(self, image_shape, coords_shape, dtype, device):
        batch, channels, height, width = image_shape
        size = math.prod(coords_shape[2:])
        self.xp = device.xp
        self._kernels = kernels("warping", device, dtype)
        self._sizes = channels, height, width, size
        self._grid = blocks(size), batch, -(-channels // CHANNELS)
        self._room = size.bit_length()
        self._image = self._coords = self._sums = None

    def forward(self, image, coords, out, validity=None):
        """As Warping.forward."""
        self._image, self._coords = image, coords
        self._kernels.launch("forward", self._grid, *self._sizes, image, coords, out, validity)

    def backward_coords(self, dout, dcoords):
        """As Warping.backward_coords."""
        grid = (*self._grid[:2], 1)
        self._kernels.launch("backward_coords", grid, *self._sizes, self._image, self._coords, dout, dcoords)

    def backward_image(self, dout, dimage):
        """As Warping.backward_image."""
        if self._sums is None:
            self._sums, self._exponent = self.xp.empty(dimage.size, "uint64"), self.xp.empty((), "int32")
        self._sums[...] = 0
        self._exponent[...] = -2**31 + 1
        launch, search = self._kernels.launch, (min(blocks(dout.size), MOST_BLOCKS), 1, 1)
        launch("largest_exponent", search, dout.size, dout, self._exponent)
        launch("backward_image", self._grid, *self._sizes, self._room, self._exponent, self._coords, dout, self._sums)
        launch("backward_image_finish", (blocks(dimage.size), 1, 1), dimage.size, self._room, self._exponent, self._sums, dimage)
