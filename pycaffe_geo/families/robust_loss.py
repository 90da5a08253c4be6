"""What M-estimators share: a cost of the difference that grows slower than its square once it passes the scale c."""

from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.loss import ElementLoss


@dataclass(frozen=True)
class RobustParam:
    """`c`: where large differences begin, in the unit of the difference. The defaults of Huber, Cauchy, Tukey and Welsch are the
    usual ones, 95 % as good as squares on normal noise of standard deviation 1 (Zhang 1997)."""

    c: float = 1.0

    def __post_init__(self):
        if self.c <= 0:
            raise ValueError(f"c is {self.c}, expected more than 0")


class RobustLoss(ElementLoss):
    """Sum of w rho(a - b) / normaliser, with rho(r) near r^2 / 2 for small r.

    Bottoms: a, b of one shape; optional weights w (N, 1, H, W) or of full shape, without gradient; 0: whatever the values there.
    The normaliser is N (axis 0), or as `normalization` says. A subclass declares one RobustParam and writes `rho`.
    """

    uses_bottom = False

    def plan_cost(self):
        (key,) = set(self.parameters) - set(ElementLoss.parameters)
        self.c = getattr(self, key).c
        self.slope = Blob((), self.dtype, self.device)  # data: weight * slope

    def rho(self, d, slope):
        """Write rho'(d) to `slope` and return rho(d); `d` may be overwritten."""
        raise NotImplementedError

    def add_up(self, a, b, weights):
        """Keep the slope w rho'(a - b), and return the sum of w rho(a - b)."""
        self.slope.reshape(*a.shape)
        slope = self.slope.data
        d = self.xp.subtract(a, b, out=self.lend(a.shape))
        if weights is not None:
            self.xp.copyto(d, 0, where=weights == 0)
        cost = self.rho(d, slope)
        if weights is not None:
            slope *= weights
            cost *= weights
        return cost.sum()

    def send_back(self, a, b, weights, factor, da, db):
        for d, sign in ((da, 1), (db, -1)):
            if d is not None:
                self.xp.multiply(self.slope.data, sign * factor, out=d)
