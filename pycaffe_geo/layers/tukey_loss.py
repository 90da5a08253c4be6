"""TukeyLoss layer."""

from dataclasses import dataclass

from pycaffe_geo.families.robust_loss import RobustLoss, RobustParam
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class TukeyLossParam(RobustParam):
    """RobustParam's `c`."""

    c: float = 4.6851


@register
class TukeyLoss(RobustLoss):
    """Sum of w rho(a - b) / N with rho(r) = c^2 / 6 (1 - (1 - (r / c)^2)^3) where |r| <= c, else c^2 / 6.

    The slope is r (1 - (r / c)^2)^2, 0 from c on: an outlier teaches nothing.
    Bottoms: a, b of one shape, and optional weights w, as RobustLoss says.
    """

    parameters = {**RobustLoss.parameters, "tukey_loss_param": TukeyLossParam}

    def rho(self, d, slope):
        square = self.xp.minimum((d / self.c)**2, 1)
        self.xp.multiply(d, (1 - square)**2, out=slope)
        return square * (3 - 3 * square + square**2) * (self.c**2 / 6)
