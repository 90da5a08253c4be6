"""The (leaky) ReLU planned once per shape."""

import math

import numpy as np

from pycaffe_geo.ops import threads
from pycaffe_geo.ops.engines import fast, gpu_allowed, own_asked
from pycaffe_geo.ops.gpu.relu import GpuRelu


def plan_relu(shape, slope, dtype, device, engine="DEFAULT"):
    """Return a plan of y = max(x, 0) + slope min(x, 0) for arrays of `shape`: a Relu, or a faster object with its functions.

    engine "CAFFE" asks for NumPy on the CPU even where a compiled one is installed.
    """
    if gpu_allowed(device, dtype, half=True):
        return GpuRelu(shape, slope, dtype, device)
    kernels = None if own_asked(engine, device) else fast("relu", device, dtype)
    if kernels or not threads.worth(device, shape):
        return (kernels.Relu if kernels else Relu)(shape, slope, dtype, device)
    return threads.SharedPlan(lambda size: Relu((size,), slope, dtype, device), math.prod(shape), flat=np.ravel)


class Relu:
    """The ReLU whose slope at 0 is `slope`. y may be x, and dx dy; x in backward may be y where the slope is at least 0."""

    def __init__(self, shape, slope, dtype, device):
        self.xp = device.xp
        self._slope = slope
        self._on = self.xp.empty(shape, bool)
        self._leak = self.xp.empty(shape, dtype) if slope else None

    def forward(self, x, y):
        """Write y."""
        if self._slope:
            leak = self.xp.minimum(x, 0, out=self._leak)
            leak *= self._slope
        self.xp.maximum(x, 0, out=y)
        if self._slope:
            y += leak

    def backward(self, x, dy, dx):
        """Write dx."""
        slope = self.xp.greater(x, 0, out=self._on)  # times a mask: NumPy's masked copy is many times slower
        if self._slope:
            slope = self.xp.less_equal(x, 0, out=self._leak)
            slope *= self._slope
            slope += self._on
        self.xp.multiply(dy, slope, out=dx)
