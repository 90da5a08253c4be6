"""SE3Generator layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.transform_generator import TransformGenerator
from pycaffe_geo.geometry import se3
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class SE3GeneratorParam:
    """What the twist's translation u means: `exponential` t = V(w) u, `rotated` t = R(w) u, `direct` t = u."""

    translation: Literal["exponential", "rotated", "direct"] = "exponential"


@register
class SE3Generator(TransformGenerator):
    """Twist (N, 6[, 1, 1]) -> transform (N, 1, 4, 4): rotation vector w (radians) first, then translation u (metres).

    R = exp(w) and t as `translation` says (geometry/se3.py has the formulas); gradients are exact, also at zero and near pi.
    """

    parameters = {"se3_generator_param": SE3GeneratorParam}
    size = 6

    def transform(self, numbers):
        return se3.exp(numbers, self.se3_generator_param.translation)

    def transform_backward(self, numbers, dT):
        return se3.exp_backward(numbers, dT, self.se3_generator_param.translation)
