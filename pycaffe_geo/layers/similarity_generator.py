"""SimilarityGenerator layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.transform_generator import PartsGenerator, PartsParam
from pycaffe_geo.geometry import planar
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class SimilarityGeneratorParam(PartsParam):
    """`parts`: what the numbers are, in their order in the blob: rotation (1), translation (2), scale (1); the rest are 0."""

    parts: tuple[Literal["rotation", "translation", "scale"], ...] = ("rotation", "translation", "scale")


@register
class SimilarityGenerator(PartsGenerator):
    """An angle (radians), a translation (pixels) and the logarithm l of a scale -> transform (N, 1, 2, 3) = [e^l R | t].

    Bottom: (N, P[, 1, 1]), the numbers of the `parts`. R = [cos -sin; sin cos] turns x (right) towards y (down). Zeros give the
    identity. AffineGrid makes coordinates of it. gvnn's generator has the scale itself, not its logarithm, and turns and scales
    the translation too.
    """

    parameters = {"similarity_generator_param": SimilarityGeneratorParam}

    matrix = 2, 3
    parts = {"rotation": (0,), "translation": (1, 2), "scale": (3,)}

    @property
    def param(self):
        return self.similarity_generator_param

    def full_transform(self, numbers):
        return planar.similarity(numbers)

    def full_transform_backward(self, numbers, dT):
        return planar.similarity_backward(numbers, dT)
