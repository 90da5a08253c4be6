"""Normalisation of each channel by its own mean and variance, with the gradient."""

from functools import partial

import numpy as np

from pycaffe_geo.backend import array_module
from pycaffe_geo.ops import threads
from pycaffe_geo.ops.engines import fast, gpu_allowed
from pycaffe_geo.ops.gpu.batch_norm import GpuBatchNorm
from pycaffe_geo.ops.wide import is_half, widened


def plan_batch_norm(device, dtype):
    """Return two functions like `forward` and `backward` below, by the engine that fits. float16 is computed in float32."""
    if gpu_allowed(device, dtype, half=True):
        plan = GpuBatchNorm(device, dtype)
        return plan.forward, plan.backward
    if is_half(dtype):
        forward32, backward32 = plan_batch_norm(device, "float32")
        return widened(forward32, 1), widened(partial(_lend32, backward32), 3)
    kernels = fast("batch_norm", device, dtype)
    if kernels:
        return kernels.forward, kernels.backward
    return (_shared_forward, _shared_backward) if device.xp is np else (forward, backward)


def _shared_forward(x, y, eps):
    """As forward, the channels shared by the threads, a few at a time."""
    numbers = np.empty((3, x.shape[1]), x.dtype)

    def normalise(few, scratch):
        numbers[:, few] = forward(x[:, few], y[:, few], eps)

    threads.by_channels(x.shape, normalise)
    return numbers


def _shared_backward(dy, y, inverse, dx, lend):
    """As backward, the channels shared by the threads, a few at a time."""
    def differentiate(few, scratch):
        backward(dy[:, few], y[:, few], inverse[few], dx[:, few], lambda shape: scratch.take(y.dtype, shape)[0])

    threads.by_channels(y.shape, differentiate)


def _lend32(function, dy, y, inverse, dx, lend):
    function(dy, y, inverse, dx, lambda shape: lend(shape, "float32"))


def forward(x, y, eps):
    """Write y = (x - mean) / sqrt(variance + eps), both (N, C, S); return mean, variance, 1 / sqrt(variance + eps), all (C,).

    The variance is the biased one. y may be x.
    """
    xp = array_module(x)
    count = x.shape[0] * x.shape[2]
    mean = x.sum(axis=2).sum(axis=0) / count
    xp.subtract(x, mean[:, None], out=y)
    variance = _dot(y, y) / count
    inverse = 1 / xp.sqrt(variance + eps)
    y *= inverse[:, None]
    return mean, variance, inverse


def backward(dy, y, inverse, dx, lend):
    """Write dx, all (N, C, S), for what forward wrote and returned; dx may be dy. lend(shape) gives a scratch buffer."""
    xp = array_module(dy)
    count = dy.shape[0] * dy.shape[2]
    mean_dy = dy.sum(axis=2).sum(axis=0) / count
    scratch = lend(y.shape)
    xp.multiply(y, (_dot(dy, y) / count)[:, None], out=scratch)
    scratch += mean_dy[:, None]
    xp.subtract(dy, scratch, out=dx)
    dx *= inverse[:, None]


def _dot(a, b):
    """Return the sums (C,) of a b without the product in memory."""
    return array_module(a).einsum("ncs,ncs->nc", a, b).sum(axis=0)
