"""ops.photometric as CUDA kernels: one forward, two backward."""

import math

from pycaffe_geo.ops.gpu.kernels import Scratch, blocks, kernels


class GpuPhotometricError:
    """As ops.photometric.PhotometricError; its backward reads both images again."""

    def __init__(self, alpha, range_, device, dtype):
        self._alpha, self._range = float(alpha), float(range_)
        self._constants = (0.01 * self._range)**2, (0.03 * self._range)**2
        self._kernels = kernels("photometric", device, dtype)
        self._slopes = Scratch(device, dtype)

    def reshape(self, shape):
        """As PhotometricError.reshape."""
        batch, channels, *size = shape
        self._size, self._channels, self._count = size, channels, math.prod(shape)
        self._share = self._alpha / 2 / max(channels, 1)
        self._flat = (1 - self._alpha) / self._range / max(channels, 1)
        self._grid = blocks(math.prod(size)), channels, batch

    def forward(self, a, b, out):
        """As PhotometricError.forward."""
        grid = self._grid[0], self._grid[2], 1
        self._kernels.launch("forward", grid, self._channels, *self._size, self._share, self._flat, *self._constants, a, b, out)

    def backward(self, a, b, dout, da, db):
        """As PhotometricError.backward."""
        launch, slopes = self._kernels.launch, None
        if self._alpha:
            slopes = self._slopes.get(4 * self._count)
            arguments = self._count, *self._size, self._share, *self._constants, a, b, dout, slopes
            launch("window_slopes", self._grid, *arguments)
        launch("backward", self._grid, self._count, *self._size, self._flat, a, b, dout, slopes, da, db)
