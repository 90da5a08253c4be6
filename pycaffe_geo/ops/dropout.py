"""Dropout's mask, drawn on the device where that has a kernel."""

from pycaffe_geo.ops.engines import gpu_allowed
from pycaffe_geo.ops.gpu.dropout import GpuDropoutMask


def plan_dropout_mask(device, dtype):
    """Return a function(mask, ratio, name, clock) that fills `mask` with 0 (probability `ratio`) and 1 / (1 - ratio), or None.

    The numbers depend on `name`, the layer's, and on the clock's seed, iteration and step alone.
    """
    return GpuDropoutMask(device, dtype) if gpu_allowed(device, dtype) else None
