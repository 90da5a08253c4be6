"""A factor, and an offset, for each row of a matrix of runs, with the gradients."""

import numpy as np

from pycaffe_geo.backend import array_module
from pycaffe_geo.ops import threads
from pycaffe_geo.ops.engines import fast, gpu_allowed
from pycaffe_geo.ops.gpu.scale import GpuScale
from pycaffe_geo.ops.wide import is_half, widened


def plan_scale(device, dtype):
    """Return two functions like `forward` and `backward` below, by the engine that fits. float16 is computed in float32."""
    if gpu_allowed(device, dtype, half=True):
        plan = GpuScale(device, dtype)
        return plan.forward, plan.backward
    if is_half(dtype):
        forward32, backward32 = plan_scale(device, "float32")
        return widened(forward32, 3, 4), widened(backward32, 3, 4, 5)
    kernels = fast("scale", device, dtype)
    if kernels:
        return kernels.forward, kernels.backward
    return (_shared(forward), _shared(backward)) if device.xp is np else (forward, backward)


def _shared(function):
    """Return `function` with its D rows shared by the threads, a few at a time."""
    def shared(x, *arguments, **options):
        def run(few, scratch):
            function(*(_rows(a, few) for a in (x, *arguments)), **{name: _rows(a, few) for name, a in options.items()})

        threads.by_channels(x.shape, run)

    return shared


def _rows(value, few):
    """Return a few rows of an array (outer, D, inner) or numbers of one (D,); any other value as it is."""
    if not isinstance(value, np.ndarray):
        return value
    return value[few] if value.ndim == 1 else value[:, few]


def forward(x, factor, offset, y, kept=None, rectify=False):
    """Write y = x factor + offset and, if given, kept = x; arrays are (outer, D, inner), factor and offset (D,).

    offset may be None. y may be x. rectify: write max(y, 0) instead.
    """
    if kept is not None:
        kept[...] = x
    array_module(x).multiply(x, factor[:, None], out=y)
    if offset is not None:
        y += offset[:, None]
    if rectify:
        array_module(y).maximum(y, 0, out=y)


def backward(x, dy, factor, dx=None, dfactor=None, doffset=None):
    """Write dx and add to dfactor and doffset (D,), each where given, from dy (outer, D, inner). dx may be dy."""
    if dfactor is not None:
        dfactor += array_module(dy).einsum("odi,odi->od", dy, x).sum(axis=0)  # without the product in memory
    if doffset is not None:
        doffset += dy.sum(axis=2).sum(axis=0)
    if dx is not None:
        array_module(dy).multiply(dy, factor[:, None], out=dx)
