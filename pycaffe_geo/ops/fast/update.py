"""Update rules compiled: one pass over a parameter, its gradient and its history (see ops.update)."""

import numpy as np
from numba import prange

from pycaffe_geo.ops.fast.compiler import kernel

BLOCK = 1 << 14  # elements that one thread takes at a time


def sgd(data, diff, history, decay, scale, numbers):
    """h = momentum h + rate g; subtract h."""
    _sgd(data, diff, *history, _typed(data, decay, scale, *numbers))


def nesterov(data, diff, history, decay, scale, numbers):
    """h' = momentum h + rate g; subtract (1 + momentum) h' - momentum h."""
    _nesterov(data, diff, *history, _typed(data, decay, scale, *numbers))


def adam(data, diff, history, decay, scale, numbers):
    """m = b1 m + (1 - b1) g; v = b2 v + (1 - b2) g^2; subtract rate m / (sqrt(v) + delta)."""
    rate, beta1, beta2, delta = numbers
    _adam(data, diff, *history, _typed(data, decay, scale, rate, beta1, 1 - beta1, beta2, 1 - beta2, delta))


def _typed(data, *numbers):
    return np.array(numbers, data.dtype)


@kernel
def _sgd(data, diff, history, numbers):
    decay, scale, rate, momentum = numbers[0], numbers[1], numbers[2], numbers[3]
    for block in prange(-(-data.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        d, g, h = data[part], diff[part], history[part]
        for i in range(len(d)):
            h[i] = momentum * h[i] + rate * (scale * g[i] + decay * d[i])
            g[i] = h[i]
            d[i] -= h[i]


@kernel
def _nesterov(data, diff, history, numbers):
    decay, scale, rate, momentum = numbers[0], numbers[1], numbers[2], numbers[3]
    for block in prange(-(-data.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        d, g, h = data[part], diff[part], history[part]
        for i in range(len(d)):
            old = momentum * h[i]
            new = old + rate * (scale * g[i] + decay * d[i])
            h[i] = new
            g[i] = new + momentum * new - old
            d[i] -= g[i]


@kernel
def _adam(data, diff, mean, square, numbers):
    decay, scale, rate, delta = numbers[0], numbers[1], numbers[2], numbers[7]
    beta1, rest1, beta2, rest2 = numbers[3], numbers[4], numbers[5], numbers[6]
    for block in prange(-(-data.size // BLOCK)):
        part = slice(block * BLOCK, (block + 1) * BLOCK)
        d, g, m, v = data[part], diff[part], mean[part], square[part]
        for i in range(len(d)):
            slope = scale * g[i] + decay * d[i]
            m[i] = beta1 * m[i] + rest1 * slope
            v[i] = beta2 * v[i] + rest2 * (slope * slope)
            g[i] = rate * m[i] / (np.sqrt(v[i]) + delta)
            d[i] -= g[i]
