"""Tile layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class TileParam:
    """`tiles`: how many copies lie side by side along `axis`; a negative axis counts from the end."""

    tiles: int
    axis: int = 1

    def __post_init__(self):
        if self.tiles < 1:
            raise ValueError(f"tiles is {self.tiles}, expected at least 1")


@register
class Tile(Layer):
    """Repeats the bottom `tiles` times along one axis (Caffe's Tile)."""

    parameters = {"tile_param": TileParam}
    uses_bottom = False

    def reshape(self, bottom, top):
        shape, tiles = bottom[0].shape, self.tile_param.tiles
        axis = self.canonical_axis(self.tile_param.axis, bottom[0])
        top[0].reshape(*shape[:axis], shape[axis] * tiles, *shape[axis + 1:])
        self.shape = (math.prod(shape[:axis]), tiles, math.prod(shape[axis:]))

    def forward(self, bottom, top):
        outer, _, inner = self.shape
        top[0].data.reshape(self.shape)[...] = bottom[0].data.reshape(outer, 1, inner)

    def backward(self, top, propagate_down, bottom):
        outer, _, inner = self.shape
        top[0].diff.reshape(self.shape).sum(axis=1, out=bottom[0].diff.reshape(outer, inner))
