"""Softmax layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.softmax import fold_axis, softmax, softmax_backward


@dataclass(frozen=True)
class SoftmaxParam:
    """`axis`: the axis of the classes. `engine` is read for old files and has no effect."""

    axis: int = 1
    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"


@register
class Softmax(Layer):
    """y = exp(x) / sum of exp(x) along `axis`; any shape (Caffe's Softmax)."""

    parameters = {"softmax_param": SoftmaxParam}
    in_place = True
    uses_top = "values"
    uses_bottom = False

    def reshape(self, bottom, top):
        self.shape = fold_axis(bottom[0].shape, self.canonical_axis(self.softmax_param.axis, bottom[0]))
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        softmax(self.xp, bottom[0].data.reshape(self.shape), top[0].data.reshape(self.shape))

    def backward(self, top, propagate_down, bottom):
        y, dy = top[0].data.reshape(self.shape), top[0].diff.reshape(self.shape)
        softmax_backward(self.xp, y, dy, bottom[0].diff.reshape(self.shape))
