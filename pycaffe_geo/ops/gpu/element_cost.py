"""ops.element_cost as CUDA kernels: one pass over both bottoms and the weights, and the sum of the blocks' sums."""

import math

from pycaffe_geo.ops.gpu.kernels import Scratch, blocks, kernels

MOST_BLOCKS = 1024  # more only leave more sums to add up


class GpuElementCost:
    """As ops.element_cost.ElementCost; the sum is an array of shape () that the next forward overwrites."""

    def __init__(self, kind, device, dtype):
        self._square = int(kind == "square")
        self._kernels = kernels("element_cost", device, dtype)
        self._sums = Scratch(device, dtype)
        self._total = device.xp.zeros((), dtype)

    def forward(self, a, b, weights, scratch):
        """As the reference's."""
        parts = min(blocks(a.size), MOST_BLOCKS)
        sums = self._sums.get(parts)
        self._kernels.launch("element_cost", (parts, 1, 1), *self._sizes(a, weights), a, b, weights, sums)
        self._kernels.launch("total", (1, 1, 1), parts, sums, self._total)
        return self._total

    def backward(self, a, b, weights, factor, da, db):
        """As the reference's."""
        self._kernels.launch("element_slopes", (blocks(a.size), 1, 1), *self._sizes(a, weights), a, b, weights, factor, da, db)

    def _sizes(self, a, weights):
        plane = math.prod(a.shape[1:])
        return a.size, plane, plane if weights is None or weights.size == a.size else math.prod(a.shape[2:]), self._square
