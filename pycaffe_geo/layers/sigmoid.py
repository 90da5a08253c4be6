"""Sigmoid layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.activation import Activation
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class SigmoidParam:
    """`engine` is read for old files and has no effect."""

    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"


@register
class Sigmoid(Activation):
    """y = 1 / (1 + exp(-x)) = 0.5 tanh(0.5 x) + 0.5, which cannot overflow; any shape (Caffe's Sigmoid)."""

    parameters = {"sigmoid_param": SigmoidParam}
    uses_top = "values"
    uses_bottom = False

    def forward(self, bottom, top):
        y = top[0].data
        self.xp.multiply(bottom[0].data, 0.5, out=y)
        self.xp.tanh(y, out=y)
        y *= 0.5
        y += 0.5

    def backward(self, top, propagate_down, bottom):
        y, slope = top[0].data, self.work.diff
        self.xp.subtract(1, y, out=slope)
        slope *= y
        self.xp.multiply(top[0].diff, slope, out=bottom[0].diff)
