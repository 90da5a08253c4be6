"""Swish layer."""

from dataclasses import dataclass

from pycaffe_geo.families.activation import Activation
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class SwishParam:
    """`beta`: how steep the sigmoid is."""

    beta: float = 1.0


@register
class Swish(Activation):
    """y = x sigmoid(beta x), element by element; any shape (Caffe's Swish; Ramachandran et al. 2017)."""

    parameters = {"swish_param": SwishParam}

    def forward(self, bottom, top):
        self.keep(bottom, top)
        x = bottom[0].data
        self.xp.multiply(x, self._sigmoid(x), out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        x = self.input(bottom, top)
        sigmoid = self._sigmoid(x)
        slope = 1 - sigmoid
        slope *= x
        slope *= self.swish_param.beta
        slope += 1
        slope *= sigmoid
        self.xp.multiply(top[0].diff, slope, out=bottom[0].diff)

    def _sigmoid(self, x):
        """Return 1 / (1 + exp(-beta x)) = 0.5 tanh(0.5 beta x) + 0.5, which cannot overflow."""
        s = self.xp.multiply(x, 0.5 * self.swish_param.beta, out=self.work.diff)
        self.xp.tanh(s, out=s)
        s *= 0.5
        s += 0.5
        return s
