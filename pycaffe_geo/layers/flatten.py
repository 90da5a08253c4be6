"""Flatten layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class FlattenParam:
    """`axis` to `end_axis` (both included; negative counts from the end) become one axis."""

    axis: int = 1
    end_axis: int = -1


@register
class Flatten(Layer):
    """Joins neighbouring axes into one; by default (N, C, H, W) becomes (N, C H W) (Caffe's Flatten)."""

    parameters = {"flatten_param": FlattenParam}
    views = "both"
    half = "follows"
    uses_bottom = False

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        first = self.canonical_axis(self.flatten_param.axis, bottom[0])
        last = self.canonical_axis(self.flatten_param.end_axis, bottom[0])
        if last < first:
            raise SpecError(f"{self.where}: end_axis {last} comes before axis {first} (bottom '{bottom[0].name}' is {shape})")
        top[0].reshape(*shape[:first], math.prod(shape[first : last + 1]), *shape[last + 1 :])

    def forward(self, bottom, top):
        self.pass_on(bottom[0].data, top[0].data)

    def backward(self, top, propagate_down, bottom):
        self.pass_on(top[0].diff, bottom[0].diff)
