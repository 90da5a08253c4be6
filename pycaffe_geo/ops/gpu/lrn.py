"""ops.lrn across channels as CUDA kernels, one for each direction."""

import math

import numpy as np

from pycaffe_geo.ops.gpu.kernels import blocks, kernels


class GpuAcrossChannels:
    """A plan as ops.lrn.plan_lrn returns; alpha multiplies the sum of squares."""

    def __init__(self, x_shape, size, alpha, beta, k, dtype, device):
        self._sizes = math.prod(x_shape), x_shape[1], math.prod(x_shape[2:]), min(size // 2, x_shape[1])
        self._alpha, self._beta, self._k = float(alpha), float(beta), float(k)
        self._kernels = kernels("lrn", device, dtype)
        self._scale = device.xp.empty(x_shape, np.promote_types(dtype, "float32"))
        self._grid = blocks(self._scale.size), 1, 1

    def forward(self, x, y):
        """Write y."""
        self._kernels.launch("forward", self._grid, *self._sizes, self._alpha, self._beta, self._k, x, self._scale, y)

    def backward(self, x, dy, dx):
        """Write dx for the last forward."""
        self._kernels.launch("backward", self._grid, *self._sizes, self._alpha, self._beta, x, self._scale, dy, dx)
