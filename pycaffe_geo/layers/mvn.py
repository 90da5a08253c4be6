"""MVN layer: mean-variance normalisation."""

import math
from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class MVNParam:
    """`normalize_variance`: divide by the deviation too. `across_channels`: one mean and deviation for each sample, not for
    each channel of it. `eps` is added to the deviation."""

    normalize_variance: bool = True
    across_channels: bool = False
    eps: float = 1e-9


@register
class MVN(Layer):
    """y = (x - mean) / (deviation + eps) over each channel of each sample, axes 2 and up of (N, C, ...) (Caffe's MVN).

    The deviation is the square root of the mean squared distance from the mean. As in Caffe the gradient takes
    1 + eps / deviation as 1: it is the derivative where eps is small beside the deviation.
    """

    parameters = {"mvn_param": MVNParam}
    in_place = True
    uses_top = "values"
    uses_bottom = False

    def setup(self, bottom, top):
        self.work = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        shape = self.expect(bottom[0], "N", "C", ...)
        split = 1 if self.mvn_param.across_channels else 2
        self.shape = (math.prod(shape[:split]), math.prod(shape[split:]))
        top[0].reshape(*shape)
        self.work.reshape(*self.shape)

    def forward(self, bottom, top):
        x, y = bottom[0].data.reshape(self.shape), top[0].data.reshape(self.shape)
        self.xp.subtract(x, x.mean(axis=1, keepdims=True), out=y)
        if self.mvn_param.normalize_variance:
            variance = self.xp.einsum("ij,ij->i", y, y)[:, None] / self.shape[1]
            self.deviation = self.xp.sqrt(variance) + self.mvn_param.eps
            y /= self.deviation

    def backward(self, top, propagate_down, bottom):
        y, dy, dx = (a.reshape(self.shape) for a in (top[0].data, top[0].diff, bottom[0].diff))
        self.xp.subtract(dy, dy.mean(axis=1, keepdims=True), out=dx)
        if self.mvn_param.normalize_variance:
            slope = self.xp.einsum("ij,ij->i", y, dy)[:, None] / self.shape[1]
            dx -= self.xp.multiply(y, slope, out=self.work.data)
            dx /= self.deviation
