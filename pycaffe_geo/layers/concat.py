"""Concat layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class ConcatParam:
    """`axis`: the axis to join along; negative counts from the end. `concat_dim`: its old name."""

    axis: int = 1
    concat_dim: int | None = None

    def __post_init__(self):
        if self.concat_dim is not None and self.axis != 1:
            raise ValueError("both axis and concat_dim are given, expected one (concat_dim is the old name of axis)")


@register
class Concat(Layer):
    """Joins the bottoms along one axis; all other axes must have equal sizes (Caffe's Concat)."""

    bottoms = (1, None)
    parameters = {"concat_param": ConcatParam}
    half = "follows"
    accumulates = True
    uses_bottom = False

    def reshape(self, bottom, top):
        p = self.concat_param
        self.axis = self.canonical_axis(p.axis if p.concat_dim is None else p.concat_dim, bottom[0])
        first = bottom[0].shape
        before = (slice(None),) * self.axis
        self.parts, end = [], 0
        for blob in bottom:
            self._check(blob, first, bottom[0].name)
            start, end = end, end + blob.shape[self.axis]
            self.parts.append((*before, slice(start, end)))
        top[0].reshape(*first[: self.axis], end, *first[self.axis + 1 :])

    def forward(self, bottom, top):
        self.xp.concatenate([b.data for b in bottom], self.axis, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        dy = top[0].diff
        for i, part in enumerate(self.parts):
            if propagate_down[i]:
                self.write_diff(bottom, i, dy[part])

    def _check(self, blob, first, first_name):
        expected = [*first]
        expected[self.axis] = f"any at axis {self.axis}"
        if len(blob.shape) != len(first) or any(n != e for n, e in zip(blob.shape, expected) if isinstance(e, int)):
            text = ", ".join(map(str, expected))
            raise ShapeError(f"{self.where}: bottom '{blob.name}' is {blob.shape}, expected ({text}) as bottom '{first_name}'")
