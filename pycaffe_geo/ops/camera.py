"""The camera's functions that run in every iteration, by the engine that fits."""

from pycaffe_geo.geometry import camera
from pycaffe_geo.ops.engines import fast, gpu_allowed
from pycaffe_geo.ops.gpu.camera import GpuCamera


def camera_functions(device, dtype):
    """Return what has transform_grid, transform_grid_backward, pinhole and pinhole_backward as in geometry.camera."""
    if gpu_allowed(device, dtype):
        return GpuCamera(device, dtype)
    return fast("camera", device, dtype) or camera
