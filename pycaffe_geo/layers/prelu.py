"""PReLU layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.families.activation import Activation
from pycaffe_geo.families.broadcast import dot_around
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class PReLUParam:
    """`filler`: the first values of the slopes. `channel_shared`: one slope for all channels."""

    filler: Filler = Filler(value=0.25)
    channel_shared: bool = False


@register
class PReLU(Activation):
    """y = max(x, 0) + slope min(x, 0) with a learned slope for each channel (axis 1) (Caffe's PReLU; He et al. 2015).

    Bottom (N, C, ...), slopes (C,), or () where `channel_shared`. The derivative at 0 is the slope.
    """

    parameters = {"prelu_param": PReLUParam}

    def setup(self, bottom, top):
        super().setup(bottom, top)
        channels = self.expect(bottom[0], "N", "C", ...)[1]
        p = self.prelu_param
        self.add_blob(() if p.channel_shared else (channels,), p.filler)

    def reshape(self, bottom, top):
        super().reshape(bottom, top)
        channels = "C" if self.prelu_param.channel_shared else self.blobs[0].count
        shape = self.expect(bottom[0], "N", channels, ...)
        self.shape = (*shape[:2], math.prod(shape[2:]))

    def forward(self, bottom, top):
        self.keep(bottom, top)
        x, y = bottom[0].data.reshape(self.shape), top[0].data.reshape(self.shape)
        below = self.xp.minimum(x, 0, out=self.work.diff.reshape(self.shape))
        below *= self.blobs[0].data.reshape(-1, 1)
        self.xp.maximum(x, 0, out=y)
        y += below

    def backward(self, top, propagate_down, bottom):
        x, dy = self.input(bottom, top).reshape(self.shape), top[0].diff.reshape(self.shape)
        if self.param_propagate_down[0]:
            slopes = self.blobs[0].diff
            sums = dot_around(self.xp, dy, self.xp.minimum(x, 0, out=self.work.diff.reshape(self.shape)))
            slopes += sums.sum() if self.prelu_param.channel_shared else sums
        if propagate_down[0]:
            slope = self.xp.less_equal(x, 0, out=self.work.diff.reshape(self.shape))
            slope *= self.blobs[0].data.reshape(-1, 1)
            slope += x > 0
            self.xp.multiply(dy, slope, out=bottom[0].diff.reshape(self.shape))
