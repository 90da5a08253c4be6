"""ops.batch_norm as CUDA kernels; every sum is made in a fixed order."""

import numpy as np

from pycaffe_geo.ops.gpu.kernels import Scratch, blocks, channel_grid, kernels, runs


class GpuBatchNorm:
    """forward and backward as in ops.batch_norm. What forward returns is overwritten by the next one."""

    def __init__(self, device, dtype):
        self.xp = device.xp
        self._dtype = np.promote_types(dtype, "float32")
        self._kernels = kernels("batch_norm", device, dtype)
        self._sums, self._means = Scratch(device, self._dtype), Scratch(device, self._dtype)
        self._results = None

    def forward(self, x, y, eps):
        """As ops.batch_norm.forward."""
        batch, channels, size = x.shape
        if self._results is None or len(self._results[0]) != channels:
            self._results = [self.xp.empty(channels, self._dtype) for _ in range(3)]
        launch, count, results = self._kernels.launch, batch * size, self._results
        run, parts = runs(count)
        sums = self._sums.get(2 * channels * parts)
        mean, _, inverse = results
        launch("moments", (parts, channels, 1), count, channels, size, run, x, sums)
        launch("finish_moments", (blocks(channels), 1, 1), channels, count, run, parts, float(eps), sums, *results)
        launch("normalise", channel_grid(x.shape), *x.shape, x, mean, inverse, y)
        return tuple(results)

    def backward(self, dy, y, inverse, dx, lend):
        """As ops.batch_norm.backward."""
        batch, channels, size = dy.shape
        launch, count, means = self._kernels.launch, batch * size, self._means.get(2 * channels)
        run, parts = runs(count)
        sums = self._sums.get(2 * channels * parts)
        launch("slopes", (parts, channels, 1), count, channels, size, run, dy, y, sums)
        launch("finish_slopes", (blocks(channels), 1, 1), channels, count, parts, sums, means)
        launch("gradient", channel_grid(dy.shape), *dy.shape, dy, y, means, inverse, dx)
