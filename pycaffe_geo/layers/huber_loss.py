"""HuberLoss layer."""

from dataclasses import dataclass

from pycaffe_geo.families.robust_loss import RobustLoss, RobustParam
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class HuberLossParam(RobustParam):
    """RobustParam's `c`."""

    c: float = 1.345


@register
class HuberLoss(RobustLoss):
    """Sum of w rho(a - b) / N with rho(r) = r^2 / 2 where |r| <= c, else c |r| - c^2 / 2 (Huber 1964).

    The slope is r, cut at +-c: an outlier pulls like one at c.
    Bottoms: a, b of one shape, and optional weights w, as RobustLoss says.
    """

    parameters = {**RobustLoss.parameters, "huber_loss_param": HuberLossParam}

    def rho(self, d, slope):
        self.xp.clip(d, -self.c, self.c, out=slope)
        return (d - slope / 2) * slope
