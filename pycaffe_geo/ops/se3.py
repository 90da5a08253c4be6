"""The exponential map of rigid motions that runs in every iteration, by the engine that fits."""

from pycaffe_geo.geometry import se3
from pycaffe_geo.ops.engines import fast, gpu_allowed
from pycaffe_geo.ops.gpu.se3 import GpuSE3


def se3_functions(device, dtype):
    """Return what has exp and exp_backward as in geometry.se3."""
    if gpu_allowed(device, dtype):
        return GpuSE3(device, dtype)
    return fast("se3", device, dtype) or se3
