"""GemanMcClureLoss layer."""

from dataclasses import dataclass

from pycaffe_geo.families.robust_loss import RobustLoss, RobustParam
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class GemanMcClureLossParam(RobustParam):
    """RobustParam's `c`."""

    c: float = 1.0


@register
class GemanMcClureLoss(RobustLoss):
    """Sum of w rho(a - b) / N with rho(r) = r^2 / 2 / (1 + (r / c)^2), less than c^2 / 2.

    The slope is r / (1 + (r / c)^2)^2; the form in most texts has c = 1.
    Bottoms: a, b of one shape, and optional weights w, as RobustLoss says.
    """

    parameters = {**RobustLoss.parameters, "geman_mcclure_loss_param": GemanMcClureLossParam}

    def rho(self, d, slope):
        share = 1 / (1 + (d / self.c)**2)
        self.xp.multiply(d, share, out=slope)
        cost = slope * d
        slope *= share
        cost /= 2
        return cost
