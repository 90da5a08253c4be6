"""ops.dropout's mask as a CUDA kernel."""

import numpy as np

from pycaffe_geo.backend import digest
from pycaffe_geo.ops.gpu.kernels import blocks, kernels

DRAWS = 4  # numbers that one thread draws


class GpuDropoutMask:
    """Call it as ops.dropout.plan_dropout_mask says. It draws nothing on the host, so that it can be recorded."""

    def __init__(self, device, dtype):
        self._kernels = kernels("dropout", device, dtype)

    def __call__(self, mask, ratio, name, clock):
        key = np.array([digest((clock.seed, name)) % 2**64], np.uint64).view(np.int32).tolist()
        now = clock.iteration, clock.step, clock.counts
        grid = blocks(-(-mask.size // DRAWS)), 1, 1
        self._kernels.launch("draw_mask", grid, mask.size, *key, *now, float(ratio), 1 / (1 - float(ratio)), mask)
