"""One step of an update rule, in one compiled pass over a parameter or over all where that is possible."""

from functools import lru_cache

from pycaffe_geo.ops.engines import fast, gpu_allowed
from pycaffe_geo.ops.gpu.update import GpuSquaredNorm, GpuUpdate


def plan_update(rule, device, dtype):
    """Return a function(data, diff, history, decay, scale, numbers) that runs `rule` ("SGD" ...) on flat arrays, or None.

    It computes g = scale diff + decay data, turns g into the amount to subtract as solvers.rules says, writes that to diff and
    subtracts it from data. `numbers` are the rule's own: SGD and Nesterov (rate, momentum), Adam (rate with both corrections,
    beta1, beta2, delta).
    """
    kernels = fast("update", device, dtype)
    return getattr(kernels, rule.lower(), None) if kernels else None


def plan_update_of_all(rule, regularization, device, dtype):
    """Return a GpuUpdate, a function(arrays, mults, scale, numbers) that runs `rule` on all parameters at once, or None.

    For each parameter arrays has (data, diff, history ...), mults (factor on the rate, decay). It does what plan_update says, but
    with decay sign(data) where `regularization` is "L1". `numbers` are what the rule of solvers.rules gives, rate first.
    """
    return GpuUpdate(rule, regularization, device, dtype) if gpu_allowed(device, dtype) else None


@lru_cache
def plan_squared_norm(device, dtype):
    """Return a function(arrays) that gives the sum of squares of all their elements as an array of shape (), or None."""
    return GpuSquaredNorm(device, dtype) if gpu_allowed(device, dtype) else None
