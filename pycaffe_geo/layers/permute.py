"""Permute layer."""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class PermuteParam:
    """`order`: which bottom axis each top axis is, such as 0, 2, 3, 1; axes left out follow in their old order."""

    order: tuple[int, ...] = ()

    def __post_init__(self):
        if len(set(self.order)) < len(self.order) or min(self.order, default=0) < 0:
            raise ValueError(f"order is {list(self.order)}, expected different axes, counted from 0")


@register
class Permute(Layer):
    """The bottom with its axes in another order (SSD's Permute): with order 0, 2, 3, 1, (N, C, H, W) -> (N, H, W, C)."""

    parameters = {"permute_param": PermuteParam}
    accumulates = True
    uses_bottom = False

    def reshape(self, bottom, top):
        order, shape = self.permute_param.order, bottom[0].shape
        if max(order, default=-1) >= len(shape):
            raise ShapeError(f"{self.where}: order {list(order)} names an axis that bottom '{bottom[0].name}' {shape} has not")
        self.order = (*order, *(axis for axis in range(len(shape)) if axis not in order))
        top[0].reshape(*(shape[axis] for axis in self.order))

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data.transpose(self.order)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            back = tuple(int(axis) for axis in np.argsort(self.order))
            self.write_diff(bottom, 0, top[0].diff.transpose(back))
