"""ops.pooling as CUDA kernels: forward and backward gather, so that nothing is added by atomics."""

import math

from pycaffe_geo.ops.gpu.kernels import blocks, kernels


class GpuPooling:
    """A plan as ops.pooling.plan_pooling returns, for windows (kernel, stride, pad) that fit. lowest: of an empty window."""

    def __init__(self, method, x_shape, out_size, kernel, stride, pad, lowest, dtype, device):
        self.out_shape = (*x_shape[:2], *out_size)
        self._sizes = [int(n) for n in (*x_shape[2:], *out_size, *kernel, *stride, *pad)]
        self._lowest = lowest
        self._kernels = kernels("pooling", device, dtype)
        self._winner = device.xp.empty(math.prod(self.out_shape), "int32") if method == "MAX" else None

    def forward(self, x, y, mask=None):
        """Write y, and where each maximum lies to mask."""
        if self._winner is None:
            self._run("average", y, x, y)
        else:
            self._run("maximum", y, self._lowest, x, y, self._winner, mask)

    def backward(self, dy, dx):
        """Write dx for the last forward."""
        if self._winner is None:
            self._run("average_backward", dx, dy, dx)
        else:
            self._run("maximum_backward", dx, dy, self._winner, dx)

    def _run(self, name, target, *arguments):
        self._kernels.launch(name, (blocks(target.size), 1, 1), target.size, *self._sizes, *arguments)
