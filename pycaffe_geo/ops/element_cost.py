"""The cost of a weighted difference, element by element: what AbsLoss and EuclideanLoss add up."""

from functools import partial

from pycaffe_geo.ops.engines import fast, gpu_allowed
from pycaffe_geo.ops.gpu.element_cost import GpuElementCost


def plan_element_cost(kind, device, dtype):
    """Return a function(a, b, weights, slope, scratch) that writes slope = w f'(a - b) and returns the sum of (a - b) slope.

    `kind` "abs": f(d) = |d|; "square": f(d) = d^2 / 2. weights (of a's shape, or the same with one channel) may be None; where
    they are 0 an element counts nothing, whatever its values. slope and scratch are buffers of a's shape.
    """
    if gpu_allowed(device, dtype):
        return GpuElementCost(kind, device, dtype)
    kernels = fast("element_cost", device, dtype)
    return getattr(kernels, f"{kind}_cost") if kernels else partial(_cost, device.xp, kind)


def _cost(xp, kind, a, b, weights, slope, scratch):
    difference = xp.subtract(a, b, out=scratch)
    if weights is not None:
        xp.copyto(difference, 0, where=weights == 0)
    if kind == "abs":
        xp.sign(difference, out=slope)
    else:
        slope[...] = difference
    if weights is not None:
        slope *= weights
    return xp.vdot(difference, slope)
