"""The camera's functions that run in every iteration, by the engine that fits."""

from pycaffe_geo.geometry import camera
from pycaffe_geo.ops.engines import fast


def camera_functions(device, dtype):
    """Return a module with transform_grid, transform_grid_backward, pinhole and pinhole_backward as in geometry.camera."""
    return fast("camera", device, dtype) or camera
