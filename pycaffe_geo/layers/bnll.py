"""BNLL layer."""

from pycaffe_geo.families.activation import Activation
from pycaffe_geo.layer import register


@register
class BNLL(Activation):
    """y = log(1 + exp(x)), the softplus, which cannot overflow; any shape (Caffe's BNLL: binomial normal log likelihood).

    Its slope is the sigmoid of x. Caffe's gradient is wrong in place, where x is lost; here it is right.
    """

    def forward(self, bottom, top):
        self.keep(bottom, top)
        x, y = bottom[0].data, top[0].data
        tail = self.xp.absolute(x, out=self.work.diff)
        self.xp.negative(tail, out=tail)
        self.xp.exp(tail, out=tail)
        self.xp.log1p(tail, out=tail)
        self.xp.maximum(x, 0, out=y)
        y += tail

    def backward(self, top, propagate_down, bottom):
        slope = self.xp.multiply(self.input(bottom, top), 0.5, out=self.work.diff)
        self.xp.tanh(slope, out=slope)
        slope *= 0.5
        slope += 0.5
        self.xp.multiply(top[0].diff, slope, out=bottom[0].diff)
