"""SE3Generator layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.transform_generator import TransformGenerator
from pycaffe_geo.layer import register
from pycaffe_geo.ops.se3 import se3_functions


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

    def setup(self, bottom, top):
        self.se3 = se3_functions(self.device, self.dtype)

    def transform(self, numbers):
        return self.se3.exp(numbers, self.se3_generator_param.translation)

    def transform_backward(self, numbers, dT):
        return self.se3.exp_backward(numbers, dT, self.se3_generator_param.translation)
