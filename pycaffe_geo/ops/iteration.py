"""What becomes of losses and gradients between backward and update, where a GPU can do that alone."""

from pycaffe_geo.ops.engines import gpu_allowed
from pycaffe_geo.ops.gpu.iteration import GpuIteration


def plan_iteration(device, dtype, steps, window, clip):
    """Return a GpuIteration, or None where the host has to look at every iteration's numbers."""
    return GpuIteration(device, dtype, steps, window, clip) if gpu_allowed(device, dtype) else None
