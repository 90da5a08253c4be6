"""ops.element_cost as CUDA kernels: one pass over both bottoms and the weights, and the sum of the blocks' sums."""

import math

from pycaffe_geo.ops.gpu.kernels import Scratch, blocks, kernels

MOST_BLOCKS = 1024  # more only leave more sums to add up


class GpuElementCost:
    """Call it as the function of ops.element_cost; the sum it returns is an array of shape () that the next call overwrites."""

    def __init__(self, kind, device, dtype):
        self._square = int(kind == "square")
        self._kernels = kernels("element_cost", device, dtype)
        self._sums = Scratch(device, dtype)
        self._total = device.xp.zeros((), dtype)

    def __call__(self, a, b, weights, slope, scratch):
        parts = min(blocks(a.size), MOST_BLOCKS)
        sums = self._sums.get(parts)
        plane = math.prod(a.shape[1:])
        size = plane if weights is None or weights.size == a.size else math.prod(a.shape[2:])
        self._kernels.launch("element_cost", (parts, 1, 1), a.size, plane, size, self._square, a, b, weights, slope, sums)
        self._kernels.launch("total", (1, 1, 1), parts, sums, self._total)
        return self._total
