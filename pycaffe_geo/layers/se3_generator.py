"""SE3Generator layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.geometry import se3
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class SE3GeneratorParam:
    """What the twist's translation u means: `exponential` t = V(w) u, `rotated` t = R(w) u, `direct` t = u."""

    translation: Literal["exponential", "rotated", "direct"] = "exponential"


@register
class SE3Generator(Layer):
    """Twist (N, 6[, 1, 1]) -> transform (N, 1, 4, 4): rotation vector w (radians) first, then translation u (metres).

    R = exp(w) and t as `translation` says (geometry/se3.py has the formulas); gradients are exact, also at zero and near pi.
    """

    parameters = {"se3_generator_param": SE3GeneratorParam}

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        if shape[1:] not in ((6,), (6, 1, 1)):
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, expected (N, 6) or (N, 6, 1, 1)")
        top[0].reshape(shape[0], 1, 4, 4)

    def forward(self, bottom, top):
        top[0].data[:, 0] = se3.exp(bottom[0].data.reshape(-1, 6), self.se3_generator_param.translation)

    def backward(self, top, propagate_down, bottom):
        twist = bottom[0].data.reshape(-1, 6)
        bottom[0].diff.reshape(-1, 6)[...] = se3.exp_backward(twist, top[0].diff[:, 0], self.se3_generator_param.translation)
