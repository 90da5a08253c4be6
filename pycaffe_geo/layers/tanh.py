"""TanH layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.activation import Activation
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class TanHParam:
    """`engine` is read for old files and has no effect."""

    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"


@register
class TanH(Activation):
    """y = tanh(x), element by element; any shape (Caffe's TanH)."""

    parameters = {"tanh_param": TanHParam}
    uses_top = "values"
    uses_bottom = False
    keeps_sign = True

    def forward(self, bottom, top):
        self.xp.tanh(bottom[0].data, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        y, slope = top[0].data, self.work.diff
        self.xp.multiply(y, y, out=slope)
        self.xp.subtract(1, slope, out=slope)
        self.xp.multiply(top[0].diff, slope, out=bottom[0].diff)
