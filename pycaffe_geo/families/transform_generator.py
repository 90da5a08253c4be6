"""What layers share that make one transform (N, 1, 4, 4), or (N, 1, 2, 3) of the plane, out of a few numbers (N, P[, 1, 1])."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.layer import Layer

PARTS = {"rotation": (0, 1, 2), "translation": (3, 4, 5), "scale": (6,)}


class TransformGenerator(Layer):
    """P = `size` numbers -> transform. A subclass gives `transform(numbers)` and `transform_backward(numbers, dT)`.

    They work on numbers (N, P) and transforms (N, 4, 4), whose last row is constant: that row of dT is not read. `matrix`: the
    transform's shape, where it is not that of space.
    """

    size = 0
    matrix = 4, 4

    def reshape(self, bottom, top):
        shape, size = bottom[0].shape, self.size
        if shape[1:] not in ((size,), (size, 1, 1)):
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, expected (N, {size}) or (N, {size}, 1, 1)")
        top[0].reshape(shape[0], 1, *self.matrix)

    def forward(self, bottom, top):
        top[0].data[:, 0] = self.transform(bottom[0].data.reshape(-1, self.size))

    def backward(self, top, propagate_down, bottom):
        numbers = bottom[0].data.reshape(-1, self.size)
        bottom[0].diff.reshape(-1, self.size)[...] = self.transform_backward(numbers, top[0].diff[:, 0])


@dataclass(frozen=True)
class PartsParam:
    """`parts`: what the numbers are, in their order in the blob: rotation (3), translation (3), scale (1); the rest are 0."""

    parts: tuple[Literal["rotation", "translation", "scale"], ...] = ("rotation", "translation")

    def __post_init__(self):
        if not self.parts or len(set(self.parts)) < len(self.parts):
            raise ValueError(f"parts is {list(self.parts)}, expected each of {', '.join(PARTS)} at most once, and one at least")


class PartsGenerator(TransformGenerator):
    """A generator whose numbers are `param.parts`. The subclass gives `full_transform` and its backward, which see the numbers of
    all `parts`, (N, 7) in space: rotation, translation, scale."""

    parts = PARTS

    @property
    def columns(self):
        """Which number of all parts each number of the bottom is."""
        return [column for part in self.param.parts for column in self.parts[part]]

    @property
    def size(self):
        return len(self.columns)

    def transform(self, numbers):
        return self.full_transform(self._full(numbers))

    def transform_backward(self, numbers, dT):
        return self.full_transform_backward(self._full(numbers), dT)[:, self.columns]

    def _full(self, numbers):
        full = self.xp.zeros((len(numbers), sum(map(len, self.parts.values()))), dtype=self.dtype)
        full[:, self.columns] = numbers
        return full
