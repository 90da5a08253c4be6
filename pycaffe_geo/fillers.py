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


def _bilinear(filler, shape, generator):
    """The interpolation kernel for a Deconvolution that upsamples; square kernels only."""
    if len(shape) != 4 or shape[2] != shape[3]:
        raise ValueError(f"the bilinear filler needs a square 4-D kernel, got the shape {shape}")
    k = shape[3]
    factor = math.ceil(k / 2)
    centre = (k - 1) / (2 * factor)
    line = 1 - np.abs(np.arange(k) / factor - centre)
    return np.broadcast_to(np.outer(line, line), shape)


def _edge(kernel):
    def edge(filler, shape, generator):
        if len(shape) != 4 or shape[2:] != (3, 3):
            raise ValueError(f"an edge filler needs a 3 x 3 kernel, got the shape {shape}")
        return np.broadcast_to(kernel, shape)

    return edge


_ROWS = np.array([[0, -0.5, 0], [0, 0, 0], [0, 0.5, 0]])

# EdgeX differentiates along rows (vertically) and EdgeY along columns, as Ravi Garg published them: the names are swapped there.
FILLERS = {
    "constant": _constant,
    "gaussian": _gaussian,
    "uniform": _uniform,
    "xavier": _xavier,
    "msra": _msra,
    "positive_unitball": _positive_unitball,
    "bilinear": _bilinear,
    "EdgeX": _edge(_ROWS),
    "EdgeY": _edge(_ROWS.T),
}
