"""Clip layer."""

from dataclasses import dataclass

from pycaffe_geo.families.activation import Activation
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class ClipParam:
    """`min` and `max`: the smallest and the largest value of the top."""

    min: float
    max: float

    def __post_init__(self):
        if not self.min <= self.max:
            raise ValueError(f"min is {self.min} and max is {self.max}, expected min <= max")


@register
class Clip(Activation):
    """y = max(min, min(x, max)), element by element; any shape (Caffe's Clip).

    The slope is 1 from min to max, both included, and 0 elsewhere. In place Caffe's is 1 everywhere, which is wrong.
    """

    parameters = {"clip_param": ClipParam}

    def forward(self, bottom, top):
        self.keep(bottom, top)
        self.xp.clip(bottom[0].data, self.clip_param.min, self.clip_param.max, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        x = self.input(bottom, top)
        inside = (x >= self.clip_param.min) & (x <= self.clip_param.max)
        self.xp.multiply(top[0].diff, inside, out=bottom[0].diff)
