"""Reshape layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.layers.input import BlobShape


@dataclass(frozen=True)
class ReshapeParam:
    """`shape` replaces the `num_axes` axes (-1: all) of the bottom that begin at `axis`. In it 0 keeps the bottom's size and
    one -1 takes what is left. A negative axis counts from the end, where -1 is behind the last axis."""

    shape: BlobShape = BlobShape()
    axis: int = 0
    num_axes: int = -1

    def __post_init__(self):
        dims = self.shape.dim
        if dims.count(-1) > 1 or any(d < -1 for d in dims):
            raise ValueError(f"shape is {list(dims)}, expected sizes of at least 0 and at most one -1")
        if self.num_axes < -1:
            raise ValueError(f"num_axes is {self.num_axes}, expected at least 0, or -1 for all axes")


@register
class Reshape(Layer):
    """Gives the same values another shape, in the same row-major order (Caffe's Reshape)."""

    parameters = {"reshape_param": ReshapeParam}
    views = "both"
    half = "follows"
    uses_bottom = False

    def reshape(self, bottom, top):
        p = self.reshape_param
        blob, shape = bottom[0], bottom[0].shape
        start = p.axis if p.axis >= 0 else len(shape) + 1 + p.axis
        end = len(shape) if p.num_axes == -1 else start + p.num_axes
        if not 0 <= start <= end <= len(shape):
            raise SpecError(f"{self.where}: axis {p.axis} with num_axes {p.num_axes} does not fit bottom '{blob.name}' {shape}")
        new = [*shape[:start], *self._replaced(start, shape), *shape[end:]]
        if -1 in new:
            rest = -math.prod(new)
            new[new.index(-1)] = blob.count // rest if rest else 0
        if math.prod(new) != blob.count:
            raise ShapeError(
                f"{self.where}: bottom '{blob.name}' is {shape} ({blob.count} values), "
                f"which cannot take the shape {list(p.shape.dim)} from axis {start} on"
            )
        top[0].reshape(*new)

    def forward(self, bottom, top):
        self.pass_on(bottom[0].data, top[0].data)

    def backward(self, top, propagate_down, bottom):
        self.pass_on(top[0].diff, bottom[0].diff)

    def _replaced(self, start, shape):
        """Return the sizes asked for, each 0 replaced by the bottom's size on that axis."""
        sizes = self.reshape_param.shape.dim
        for i, size in enumerate(sizes):
            if size == 0 and start + i >= len(shape):
                raise SpecError(f"{self.where}: shape {list(sizes)} has a 0 for axis {start + i}, but the bottom is {shape}")
        return [size or shape[start + i] for i, size in enumerate(sizes)]
