"""PerPixelSim3 layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.families.per_pixel_motion import PerPixelMotion
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class PerPixelSim3Param:
    """What the translation u means: `exponential` t = W(w, l) u, `direct` t = u."""

    translation: Literal["exponential", "direct"] = "exponential"


@register
class PerPixelSim3(PerPixelMotion):
    """Moves every point by its own similarity: points (N, 3, H, W), numbers (N, 7, H, W) -> e^l exp(w) X + t (N, 3, H, W).

    The numbers are a rotation vector w (radians), a translation u (metres) and the logarithm l of the scale, as for
    Sim3Generator. Exact gradients to both bottoms, also at zero and near pi. A point at exactly 0 is no point (no depth): it
    stays 0 and gives no gradient.
    """

    parameters = {"per_pixel_sim3_param": PerPixelSim3Param}
    size = 7

    @property
    def translation(self):
        return self.per_pixel_sim3_param.translation
