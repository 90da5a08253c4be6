"""Sim3Generator layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.transform_generator import PartsGenerator, PartsParam
from pycaffe_geo.geometry import sim3
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class Sim3GeneratorParam(PartsParam):
    """What the translation u means: `exponential` t = W(w, l) u, `direct` t = u."""

    parts: tuple[Literal["rotation", "translation", "scale"], ...] = ("rotation", "translation", "scale")
    translation: Literal["exponential", "direct"] = "exponential"


@register
class Sim3Generator(PartsGenerator):
    """Rotation vector w (radians), translation u (metres), log-scale l -> similarity (N, 1, 4, 4) = [e^l exp(w) t; 0 1].

    Bottom (N, P[, 1, 1]) with P = 7, or what `parts` has, in its order: rotation, translation and scale of 3, 3 and 1 numbers;
    what is left out is 0. By default the matrix is the exponential of [l I + [w]x, u; 0 0] (geometry/sim3.py has the formulas).
    Gradients are exact, also where w or l is zero and near pi. gvnn's generator with flags is `parts: [rotation, scale,
    translation], translation: direct`, except that its scale is no logarithm.
    """

    parameters = {"sim3_generator_param": Sim3GeneratorParam}

    @property
    def param(self):
        return self.sim3_generator_param

    def full_transform(self, numbers):
        return sim3.exp(numbers, self.param.translation)

    def full_transform_backward(self, numbers, dT):
        return sim3.exp_backward(numbers, dT, self.param.translation)
