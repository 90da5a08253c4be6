"""SE3Log layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.geometry import se3
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class SE3LogParam:
    """What the twist's translation u means: `exponential` t = V(w) u, `rotated` t = R(w) u, `direct` t = u."""

    translation: Literal["exponential", "rotated", "direct"] = "exponential"


@register
class SE3Log(Layer):
    """Rigid transform (N, 1, 4, 4) -> twist (N, 6): rotation vector w (radians, at most pi long), translation u (metres).

    Undoes SE3Generator of the same `translation`; exact near zero and near pi. The gradient to the twelve entries of R and t is
    that of the formula used (through the unit quaternion, see geometry/so3.py), which has a value near a rotation too; along
    the ways a rotation can go it is the one of the logarithm. At exactly pi w jumps to -w: one of the two and its gradient come
    out.
    """

    parameters = {"se3_log_param": SE3LogParam}

    def reshape(self, bottom, top):
        batch = self.expect(bottom[0], "N", 1, 4, 4)[0]
        top[0].reshape(batch, 6)

    def forward(self, bottom, top):
        top[0].data[...] = se3.log(bottom[0].data[:, 0], self.se3_log_param.translation)

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[:, 0] = se3.log_backward(bottom[0].data[:, 0], top[0].diff, self.se3_log_param.translation)
