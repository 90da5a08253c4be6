"""Slice layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class SliceParam:
    """`axis`: the axis to cut; negative counts from the end. `slice_point`: where each top after the first begins
    (none: equal parts). `slice_dim`: the old name of axis."""

    axis: int = 1
    slice_point: tuple[int, ...] = ()
    slice_dim: int | None = None

    def __post_init__(self):
        if self.slice_dim is not None and self.axis != 1:
            raise ValueError("both axis and slice_dim are given, expected one (slice_dim is the old name of axis)")


@register
class Slice(Layer):
    """Cuts the bottom into the tops along one axis (Caffe's Slice)."""

    tops = (1, None)
    parameters = {"slice_param": SliceParam}
    half = "follows"
    uses_bottom = False

    def reshape(self, bottom, top):
        p = self.slice_param
        axis = self.canonical_axis(p.axis if p.slice_dim is None else p.slice_dim, bottom[0])
        shape = bottom[0].shape
        edges = self._edges(shape[axis], len(top), axis, bottom[0])
        before = (slice(None),) * axis
        self.parts = [(*before, slice(a, b)) for a, b in zip(edges, edges[1:])]
        for blob, a, b in zip(top, edges, edges[1:]):
            blob.reshape(*shape[:axis], b - a, *shape[axis + 1 :])

    def forward(self, bottom, top):
        x = bottom[0].data
        for blob, part in zip(top, self.parts):
            blob.data[...] = x[part]

    def backward(self, top, propagate_down, bottom):
        dx = bottom[0].diff
        for blob, part in zip(top, self.parts):
            dx[part] = blob.diff

    def _edges(self, size, count, axis, blob):
        points = self.slice_param.slice_point
        where = f"{self.where}: axis {axis} of bottom '{blob.name}' {blob.shape}"
        if not points:
            if size % count:
                raise ShapeError(f"{where} cannot be cut into {count} equal parts; give slice_point")
            return [i * size // count for i in range(count + 1)]
        if len(points) != count - 1:
            raise SpecError(f"{self.where}: slice_point has {len(points)} value(s), expected {count - 1} for {count} tops")
        edges = [0, *points, size]
        if any(a >= b for a, b in zip(edges, edges[1:])):
            raise ShapeError(f"{where}: slice_point is {list(points)}, expected growing values between 0 and {size}")
        return edges
