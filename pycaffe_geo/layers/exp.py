"""Exp layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class ExpParam:
    """y = base ^ (shift + scale x); base -1 stands for e."""

    base: float = -1.0
    scale: float = 1.0
    shift: float = 0.0

    def __post_init__(self):
        if self.base != -1 and self.base <= 0:
            raise ValueError(f"base is {self.base}, expected a positive number, or -1 for e")


@register
class Exp(Layer):
    """y = base ^ (shift + scale x), element by element; any shape (Caffe's Exp)."""

    parameters = {"exp_param": ExpParam}
    in_place = True
    uses_top = "values"
    uses_bottom = False

    def setup(self, bottom, top):
        p = self.exp_param
        log_base = 1.0 if p.base == -1 else math.log(p.base)
        self.inner_scale = p.scale * log_base
        try:
            self.outer_scale = math.exp(p.shift * log_base)
        except OverflowError:
            raise SpecError(f"{self.where}: exp_param: base ^ shift is too large a number (shift is {p.shift:g})") from None

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        y = top[0].data
        self.xp.multiply(bottom[0].data, self.inner_scale, out=y)
        self.xp.exp(y, out=y)
        if self.outer_scale != 1:
            y *= self.outer_scale

    def backward(self, top, propagate_down, bottom):
        dx = bottom[0].diff
        self.xp.multiply(top[0].data, top[0].diff, out=dx)
        if self.inner_scale != 1:
            dx *= self.inner_scale
