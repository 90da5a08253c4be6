"""Fillers: the initial values of parameters and DummyData (Caffe's FillerParameter)."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pycaffe_geo.errors import listed, nearest


@dataclass(frozen=True)
class Filler:
    """How to fill an array. In YAML `weight_filler: xavier` is short for `{type: xavier}`."""

    type: str = "constant"
    value: float = 0.0
    min: float = 0.0
    max: float = 1.0
    mean: float = 0.0
    std: float = 1.0
    sparse: int = -1
    variance_norm: Literal["FAN_IN", "FAN_OUT", "AVERAGE"] = "FAN_IN"

    def __post_init__(self):
        if self.type not in FILLERS:
            raise ValueError(f"unknown filler type '{self.type}'{nearest(self.type, FILLERS)} (known: {listed(FILLERS)})")


def fill(filler, shape, generator):
    """Return a float64 NumPy array of `shape` filled as `filler` says, with draws from the NumPy Generator `generator`."""
    if 0 in shape:
        return np.zeros(shape)  # a fan of 0 inputs has no scale
    values = FILLERS[filler.type](filler, tuple(shape), generator)
    return np.asarray(values, dtype=np.float64)


def _constant(filler, shape, generator):
    return np.full(shape, filler.value)


def _uniform(filler, shape, generator):
    return generator.uniform(filler.min, filler.max, shape)


def _gaussian(filler, shape, generator):
    """Normal draws; with `sparse` each is kept with probability sparse / shape[0]."""
    values = generator.normal(filler.mean, filler.std, shape)
    if filler.sparse >= 0:
        values *= generator.random(shape) < filler.sparse / shape[0]
    return values


def _positive_unitball(filler, shape, generator):
    """Uniform draws scaled so that the entries of each row (axis 0) sum to 1."""
    rows = generator.random((shape[0], max(1, math.prod(shape[1:]))))
    return (rows / rows.sum(axis=1, keepdims=True)).reshape(shape)


def _fan(filler, shape):
    """Caffe's fan: count / shape[0] inputs, count / shape[1] outputs (Deconvolution's fan_in counts its outputs)."""
    count = math.prod(shape)
    fan_in = count / shape[0]
    fan_out = count / shape[1] if len(shape) > 1 else count
    return {"FAN_IN": fan_in, "FAN_OUT": fan_out, "AVERAGE": (fan_in + fan_out) / 2}[filler.variance_norm]


def _xavier(filler, shape, generator):
    """Uniform with variance 1 / fan (Glorot and Bengio 2010)."""
    scale = math.sqrt(3.0 / _fan(filler, shape))
    return generator.uniform(-scale, scale, shape)


def _msra(filler, shape, generator):
    """Normal with variance 2 / fan (He et al. 2015)."""
    return generator.normal(0.0, math.sqrt(2.0 / _fan(filler, shape)), shape)


def _square(filler, shape, odd=False):
    """Return the side of a square 4-D kernel; ValueError where `shape` is none."""
    if len(shape) != 4 or shape[2] != shape[3] or (odd and shape[2] % 2 == 0):
        size = " of an odd size" if odd else ""
        raise ValueError(f"the {filler.type} filler needs a square 4-D kernel{size}, got the shape {shape}")
    return shape[3]


def _bilinear(filler, shape, generator):
    """The interpolation kernel for a Deconvolution that upsamples; square kernels only."""
    k = _square(filler, shape)
    factor = math.ceil(k / 2)
    return _tent(shape, factor, (k - 1) / (2 * factor))


def _bilinear_old(filler, shape, generator):
    """`bilinear` as older Caffe and Depth-VO-Feat's copy of it had it: other values for sizes 2, 3, 6, 7, ..., which are no
    interpolation; the same for 1, 4, 5, 8, 9, ..."""
    factor = math.ceil(_square(filler, shape) / 2)
    return _tent(shape, factor, (2 * factor - 1 - factor % 2) / (2 * factor))


def _tent(shape, factor, centre):
    line = 1 - np.abs(np.arange(shape[3]) / factor - centre)
    return np.broadcast_to(np.outer(line, line), shape)


def _laplacian_of_gaussian(filler, shape, generator):
    """-(1 - r) exp(-r) / (pi std^4) with r = (x^2 + y^2) / (2 std^2) from the centre; pi is 3.1415, as Ravi Garg published it."""
    half = _square(filler, shape, odd=True) // 2
    square = np.arange(-half, half + 1) ** 2
    r = (square[:, None] + square) / (2 * filler.std**2)
    return np.broadcast_to((r - 1) * np.exp(-r) / (3.1415 * filler.std**4), shape)


def _kernel(values, channels=None):
    """Return the filler that repeats the 3 x 3 kernel `values`, for weights of `channels` input channels (None: any number)."""

    def kernel(filler, shape, generator):
        if len(shape) != 4 or shape[2:] != (3, 3) or channels not in (None, shape[1]):
            inputs = f" and {channels} input channels" if channels else ""
            raise ValueError(f"the {filler.type} filler needs a 3 x 3 kernel{inputs}, got the shape {shape}")
        return np.broadcast_to(values, shape)

    return kernel


_ROWS = np.array([[0, -0.5, 0], [0, 0, 0], [0, 0.5, 0]])
_LAPLACIAN = np.array([[1, 4, 1], [4, -20, 4], [1, 4, 1]]) / 6
_CENTRAL_DIFF = np.array([[0.5, 0, 0], [0, 0, 0], [0, 0, 0.5]])
_FORWARD_DIFF = np.array([[0, 0, 1], [0, -1, 0], [0, 0, 0]])

# As published by Ravi Garg and Depth-VO-Feat, whose networks were made with these values: EdgeX differentiates along rows
# (vertically) and EdgeY along columns; CentralDiff and ForwardDiff were meant to hold one direction per channel, but give every
# channel the last one, and CentralDiff's is a sum, no difference.
FILLERS = {
    "constant": _constant,
    "gaussian": _gaussian,
    "uniform": _uniform,
    "xavier": _xavier,
    "msra": _msra,
    "positive_unitball": _positive_unitball,
    "bilinear": _bilinear,
    "bilinear_old": _bilinear_old,
    "EdgeX": _kernel(_ROWS),
    "EdgeY": _kernel(_ROWS.T),
    "Laplacian": _kernel(_LAPLACIAN),
    "LoG": _laplacian_of_gaussian,
    "CentralDiff": _kernel(_CENTRAL_DIFF, channels=4),
    "ForwardDiff": _kernel(_FORWARD_DIFF),
}
