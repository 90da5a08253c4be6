"""Reduction layer."""

import math
from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class ReductionParam:
    """`axis`: this axis and all after it are reduced; negative counts from the end. `coeff`: a factor of the result."""

    operation: Literal["SUM", "ASUM", "SUMSQ", "MEAN"] = "SUM"
    axis: int = 0
    coeff: float = 1.0


@register
class Reduction(Layer):
    """y = coeff * (sum x, sum |x|, sum x^2 or mean x) over the axes from `axis` on; the top has the axes before it
    (Caffe's Reduction)."""

    parameters = {"reduction_param": ReductionParam}

    def setup(self, bottom, top):
        self.terms = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        axis = self.canonical_axis(self.reduction_param.axis, bottom[0])
        top[0].reshape(*shape[:axis])
        self.size = math.prod(shape[axis:])
        self.terms.reshape(math.prod(shape[:axis]), self.size)

    @property
    def factor(self):
        p = self.reduction_param
        return p.coeff / self.size if p.operation == "MEAN" else p.coeff

    def forward(self, bottom, top):
        x, y = bottom[0].data.reshape(self.terms.shape), top[0].data.reshape(-1)
        operation = self.reduction_param.operation
        if operation == "ASUM":
            x = self.xp.absolute(x, out=self.terms.data)
        elif operation == "SUMSQ":
            x = self.xp.multiply(x, x, out=self.terms.data)
        x.sum(axis=1, out=y)
        y *= self.factor

    def backward(self, top, propagate_down, bottom):
        x, dx = (a.reshape(self.terms.shape) for a in (bottom[0].data, bottom[0].diff))
        scale = (top[0].diff * self.factor).reshape(-1, 1)
        operation = self.reduction_param.operation
        if operation == "ASUM":
            self.xp.sign(x, out=dx)
            dx *= scale
        elif operation == "SUMSQ":
            self.xp.multiply(x, 2 * scale, out=dx)
        else:
            dx[...] = scale
