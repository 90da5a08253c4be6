"""CauchyLoss layer."""

from dataclasses import dataclass

from pycaffe_geo.families.robust_loss import RobustLoss, RobustParam
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class CauchyLossParam(RobustParam):
    """RobustParam's `c`."""

    c: float = 2.3849


@register
class CauchyLoss(RobustLoss):
    """Sum of w rho(a - b) / N with rho(r) = c^2 / 2 log(1 + (r / c)^2).

    The slope r / (1 + (r / c)^2) falls beyond c. Bottoms: a, b of one shape, and optional weights w, as RobustLoss says.
    """

    parameters = {**RobustLoss.parameters, "cauchy_loss_param": CauchyLossParam}

    def rho(self, d, slope):
        square = (d / self.c)**2
        self.xp.divide(d, 1 + square, out=slope)
        return self.xp.log1p(square) * (self.c**2 / 2)
