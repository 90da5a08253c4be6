"""What the tests of the M-estimator losses (families/robust_loss.py) share."""

import numpy as np

from pycaffe_geo.gradient_check import build_layer

RNG = np.random.default_rng(0)
A, B = RNG.normal(scale=3, size=(2, 2, 3, 4, 5))
WEIGHTS = RNG.uniform(0.5, 2, (2, 1, 4, 5)) * RNG.integers(0, 2, (2, 1, 4, 5))
BOTTOMS = [[A, B], [A, B, WEIGHTS], [A, A], [A[:1, 0, 0], B[:1, 0, 0]]]


def run_loss(type_name, a, b, **parameters):
    """Return the loss of a layer and its gradient to `a`."""
    layer, bottom, top = build_layer(type_name, [a, b], **parameters)
    layer.forward(bottom, top)
    layer.backward(top, [True, True], bottom)
    return float(top[0].data), bottom[0].diff


def summed(rho, c):
    """Return the sum of rho(a - b, c) over all elements of A and B, by a loop, over the batch of 2."""
    return sum(rho(a - b, c) for a, b in zip(A.flat, B.flat)) / 2
