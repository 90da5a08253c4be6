"""Log layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class LogParam:
    """y = log_base(shift + scale x); base -1 stands for e."""

    base: float = -1.0
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self):
        if self.base != -1 and (self.base <= 0 or self.base == 1):
            raise ValueError(f"base is {self.base}, expected a positive number other than 1, or -1 for e")


@register
class Log(Layer):
    """y = log_base(shift + scale x), element by element; any shape (Caffe's Log)."""

    parameters = {"log_param": LogParam}

    def setup(self, bottom, top):
        self.log_base = 1.0 if self.log_param.base == -1 else math.log(self.log_param.base)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        y = top[0].data
        self._argument(bottom[0].data, y)
        self.xp.log(y, out=y)
        if self.log_base != 1:
            y /= self.log_base

    def backward(self, top, propagate_down, bottom):
        dx = bottom[0].diff
        self._argument(bottom[0].data, dx)
        self.xp.divide(top[0].diff, dx, out=dx)
        dx *= self.log_param.scale / self.log_base

    def _argument(self, x, out):
        self.xp.multiply(x, self.log_param.scale, out=out)
        out += self.log_param.shift
