"""ELU layer."""

from dataclasses import dataclass

from pycaffe_geo.families.activation import Activation
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class ELUParam:
    """`alpha`: minus the value that the top falls to far below 0."""

    alpha: float = 1.0


@register
class ELU(Activation):
    """y = x where x > 0, else alpha (exp(x) - 1), element by element; any shape (Caffe's ELU; Clevert et al. 2015).

    The slope at 0 is alpha. Caffe's gradient is wrong where a later layer changes the top in place; here it is right.
    """

    parameters = {"elu_param": ELUParam}

    def forward(self, bottom, top):
        self.keep(bottom, top)
        x, y = bottom[0].data, top[0].data
        below = self.xp.minimum(x, 0, out=self.work.diff)
        self.xp.expm1(below, out=below)
        below *= self.elu_param.alpha
        self.xp.maximum(x, 0, out=y)
        y += below

    def backward(self, top, propagate_down, bottom):
        x, alpha = self.input(bottom, top), self.elu_param.alpha
        slope = self.xp.minimum(x, 0, out=self.work.diff)
        self.xp.exp(slope, out=slope)
        if alpha != 1:
            slope *= alpha
            slope += (x > 0) * self.dtype.type(1 - alpha)
        self.xp.multiply(top[0].diff, slope, out=bottom[0].diff)
