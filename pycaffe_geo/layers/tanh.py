"""TanH layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class TanHParam:
    """`engine` is read for old files and has no effect."""

    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"


@register
class TanH(Layer):
    """y = tanh(x), element by element; any shape (Caffe's TanH)."""

    parameters = {"tanh_param": TanHParam}
    in_place = True
    uses_top = "values"
    keeps_sign = True

    def setup(self, bottom, top):
        self.slope = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)
        self.slope.reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        self.xp.tanh(bottom[0].data, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        y, slope = top[0].data, self.slope.data
        self.xp.multiply(y, y, out=slope)
        self.xp.subtract(1, slope, out=slope)
        self.xp.multiply(top[0].diff, slope, out=bottom[0].diff)
