"""The exponential map of rigid motions that runs in every iteration, by the engine that fits."""

from pycaffe_geo.geometry import se3
from pycaffe_geo.ops.engines import fast


def se3_functions(device, dtype):
    """Return a module with exp and exp_backward as in geometry.se3."""
    return fast("se3", device, dtype) or se3
