"""WelschLoss layer."""

from dataclasses import dataclass

from pycaffe_geo.families.robust_loss import RobustLoss, RobustParam
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class WelschLossParam(RobustParam):
    """RobustParam's `c`."""

    c: float = 2.9846


@register
class WelschLoss(RobustLoss):
    """Sum of w rho(a - b) / N with rho(r) = c^2 / 2 (1 - exp(-(r / c)^2)), less than c^2 / 2.

    The slope is r exp(-(r / c)^2). Bottoms: a, b of one shape, and optional weights w, as RobustLoss says.
    """

    parameters = {**RobustLoss.parameters, "welsch_loss_param": WelschLossParam}

    def rho(self, d, slope):
        exponent = -(d / self.c)**2
        self.xp.multiply(d, self.xp.exp(exponent), out=slope)
        return self.xp.expm1(exponent) * (-self.c**2 / 2)
