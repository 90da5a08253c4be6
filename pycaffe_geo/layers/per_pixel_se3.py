"""PerPixelSE3 layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.per_pixel_motion import PerPixelMotion
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class PerPixelSE3Param:
    """What the twists' translation u means: `exponential` t = V(w) u, `rotated` t = R(w) u, `direct` t = u (gvnn)."""

    translation: Literal["exponential", "rotated", "direct"] = "exponential"


@register
class PerPixelSE3(PerPixelMotion):
    """Moves every point by its own twist: points (N, 3, H, W) in metres, twists (N, 6, H, W) -> exp(w) X + t (N, 3, H, W).

    A twist is a rotation vector w (radians) first, then a translation u (metres), as for SE3Generator. Exact gradients to both
    bottoms, also at zero and near pi. A point at exactly 0 is no point (no depth): it stays 0 and gives no gradient.
    gvnn's NonRigidPerPixelSE3, without its matrices.
    """

    parameters = {"per_pixel_se3_param": PerPixelSE3Param}
    size = 6

    @property
    def translation(self):
        return self.per_pixel_se3_param.translation
