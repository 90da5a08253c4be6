"""SimilarityGenerator layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.families.transform_generator import PartsParam
from pycaffe_geo.geometry import planar
from pycaffe_geo.layer import Layer, register

COLUMNS = {"rotation": (0,), "translation": (1, 2), "scale": (3,)}


@dataclass(frozen=True)
class SimilarityGeneratorParam(PartsParam):
    """`parts`: what the numbers are, in their order in the blob: rotation (1), translation (2), scale (1); the rest are 0."""

    parts: tuple[Literal["rotation", "translation", "scale"], ...] = ("rotation", "translation", "scale")


@register
class SimilarityGenerator(Layer):
    """An angle (radians), a translation (pixels) and the logarithm l of a scale -> transform (N, 1, 2, 3) = [e^l R | t].

    Bottom: (N, P[, 1, 1]), the numbers of the `parts`. R = [cos -sin; sin cos] turns x (right) towards y (down). Zeros give the
    identity. AffineGrid makes coordinates of it. gvnn's generator has the scale itself, not its logarithm, and turns and scales
    the translation too.
    """

    parameters = {"similarity_generator_param": SimilarityGeneratorParam}

    def setup(self, bottom, top):
        self.columns = [column for part in self.similarity_generator_param.parts for column in COLUMNS[part]]

    def reshape(self, bottom, top):
        shape, size = bottom[0].shape, len(self.columns)
        if shape[1:] not in ((size,), (size, 1, 1)):
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, expected (N, {size}) or (N, {size}, 1, 1)")
        top[0].reshape(shape[0], 1, 2, 3)

    def forward(self, bottom, top):
        top[0].data[:, 0] = planar.similarity(self._all_four(bottom[0]))

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            gradient = planar.similarity_backward(self._all_four(bottom[0]), top[0].diff[:, 0])
            bottom[0].diff[...] = gradient[:, self.columns].reshape(bottom[0].shape)

    def _all_four(self, blob):
        """Return rotation, translation and scale (N, 4): 0 where `parts` leaves them out."""
        numbers = self.xp.zeros((blob.shape[0], 4), dtype=self.dtype)
        numbers[:, self.columns] = blob.data.reshape(-1, len(self.columns))
        return numbers
