"""EigenLoss layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.families.log_depth import LogDepthLoss, LogDepthParam
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class EigenLossParam(LogDepthParam):
    """LogDepthParam, and `lambda`: how much of a common scale error is forgiven (1: all)."""

    lambda_: float = 0.5


@register
class EigenLoss(LogDepthLoss):
    """Scale-invariant error of depth (Eigen, Puhrsch and Fergus 2014), d = log prediction - log target:

        mean over images of  sum(w d^2) / n - lambda (sum(w d) / n)^2,   n = sum(w) of an image; images with n = 0 do not count.

    Bottoms: prediction (N, ...), in metres or log-metres; target of that shape, in metres, valid where > 0; optional weights w
    (1 without), 0 where invalid. A predicted depth below `eps` counts as `eps`, with gradient 0.
    """

    parameters = {"eigen_loss_param": EigenLossParam}

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.param = self.eigen_loss_param

    def forward(self, bottom, top):
        self.compare(bottom)
        shape = len(self.work.data), math.prod(self.work.shape[1:])
        d, w, scratch = (a.reshape(shape) for a in (self.work.data, self.weight.data, self.work.diff))
        self.xp.multiply(w, d, out=scratch)
        self.means = scratch.sum(axis=1) / self.counts
        squares = self.xp.einsum("ni,ni->n", scratch, d) / self.counts
        top[0].data[...] = (squares - self.param.lambda_ * self.means**2).sum() / self.images

    def backward(self, top, propagate_down, bottom):
        if not propagate_down[0]:
            return
        dx = bottom[0].diff
        each = (-1,) + (1,) * (dx.ndim - 1)
        self.xp.subtract(self.work.data, (self.param.lambda_ * self.means).reshape(each), out=dx)
        dx *= self.weight.data
        dx *= (2 * top[0].diff / (self.images * self.counts)).reshape(each)
        self.through_log(bottom[0].data, dx)
