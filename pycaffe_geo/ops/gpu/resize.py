"""One axis of ops.resize as a CUDA kernel."""

import math

from pycaffe_geo.ops.gpu.kernels import blocks, kernels


class GpuTaps:
    """Call it with taps (index, weight), both (taps, count), an axis, and arrays of 3 axes: it writes source's sums to out."""

    def __init__(self, device, dtype):
        self._kernels = kernels("resize", device, dtype)

    def __call__(self, taps, axis, source, out):
        index, weight = taps
        inner = math.prod(out.shape[axis + 1:])
        sizes = out.size, out.shape[axis], source.shape[axis], inner, len(index)
        self._kernels.launch("weighted", (blocks(out.size), 1, 1), *sizes, index, weight, source, out)
