"""ops.scale as CUDA kernels: both gradients' sums are made in the pass that writes dx."""

import numpy as np

from pycaffe_geo.ops.gpu.kernels import Scratch, blocks, channel_grid, kernels, runs


class GpuScale:
    """forward and backward as in ops.scale."""

    def __init__(self, device, dtype):
        self._kernels = kernels("scale", device, dtype)
        self._real = np.promote_types(dtype, "float32")
        self._sums = Scratch(device, self._real)

    def forward(self, x, factor, offset, y, kept=None, rectify=False):
        """As ops.scale.forward."""
        factor = factor.astype(self._real, copy=False)
        self._kernels.launch("forward", channel_grid(x.shape), *x.shape, x, factor, offset, y, kept, rectify)

    def backward(self, x, dy, factor, dx=None, dfactor=None, doffset=None):
        """As ops.scale.backward."""
        factor = factor.astype(self._real, copy=False)
        batch, channels, size = dy.shape
        run, parts = runs(batch * size)
        learns = dfactor is not None or doffset is not None
        sums = self._sums.get(2 * channels * parts) if learns else None
        arguments = batch * size, channels, size, run, x, dy, factor, dx, sums
        self._kernels.launch("backward", (parts, channels, 1), *arguments)
        if learns:
            total = None if dfactor is None else dfactor.astype(self._real, copy=False)
            self._kernels.launch("finish", (blocks(channels), 1, 1), channels, parts, sums, total, doffset)
            if total is not dfactor and total.dtype != dfactor.dtype:
                dfactor[...] = total
