"""EulerGenerator layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.transform_generator import PartsGenerator, PartsParam
from pycaffe_geo.geometry import euler, sim3
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class EulerGeneratorParam(PartsParam):
    """`order`: xyz is R = Rx Ry Rz, zyx is R = Rz Ry Rx, and so on. SfMLearner: `parts: [translation, rotation], order: xyz`."""

    order: Literal["xyz", "xzy", "yxz", "yzx", "zxy", "zyx"] = "xyz"


@register
class EulerGenerator(PartsGenerator):
    """Three angles, a translation t, a log-scale l, as far as `parts` has them -> transform (N, 1, 4, 4) = [e^l R t; 0 1].

    Bottom (N, P[, 1, 1]): angles about the x, y and z axis in radians (always in that order), metres, the logarithm of the
    scale. The gradient is exact. SfMLearner's pose_vec2mat, except that it clips the angles to +-pi: R is periodic, so nothing
    is clipped here. gvnn's Euler generator, with its flags as `parts`, except that its scale is no logarithm.
    """

    parameters = {"euler_generator_param": EulerGeneratorParam}

    @property
    def param(self):
        return self.euler_generator_param

    def full_transform(self, numbers):
        R = euler.matrix(numbers[:, :3], self.param.order)
        return sim3.assemble(R, numbers[:, 3:6], numbers[:, 6])

    def full_transform_backward(self, numbers, dT):
        R = euler.matrix(numbers[:, :3], self.param.order)
        dR, dt, dscale = sim3.assemble_backward(R, numbers[:, 6], dT)
        return self.xp.concatenate([euler.matrix_backward(numbers[:, :3], dR, self.param.order), dt, dscale], axis=1)
