"""geometry.se3's exp and exp_backward, one CUDA kernel each."""

import numpy as np

from pycaffe_geo.geometry import se3, so3
from pycaffe_geo.ops.gpu.kernels import blocks, kernels


class GpuSE3:
    """The functions of geometry.se3 that run in every iteration, in float64 whatever the dtype of the twists."""

    def __init__(self, device, dtype):
        self.xp = device.xp
        self._kernels = kernels("se3", device, dtype)
        self._table = device.asarray(np.ascontiguousarray(so3.series_table(np, np.float64)[1].T))

    def exp(self, twist, translation="exponential"):
        """As geometry.se3.exp."""
        T = self.xp.empty((len(twist), 4, 4), twist.dtype)
        self._run("exponential", translation, twist, T)
        return T

    def exp_backward(self, twist, dT, translation="exponential"):
        """As geometry.se3.exp_backward."""
        dtwist = self.xp.empty(twist.shape, twist.dtype)
        self._run("exponential_backward", translation, twist, dT, dtwist)
        return dtwist

    def _run(self, name, translation, twist, *arrays):
        terms, number = self._table.shape[1], se3.TRANSLATIONS.index(translation)
        grid = blocks(len(twist)), 1, 1
        self._kernels.launch(name, grid, len(twist), number, terms, self._table, twist, *arrays)
