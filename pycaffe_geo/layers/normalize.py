"""Normalize layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.broadcast import dot_around
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class NormalizeParam:
    """`across_spatial`: one norm for each sample, else one for each pixel; `channel_shared`: one factor, else one per channel."""

    across_spatial: bool = True
    channel_shared: bool = True
    scale_filler: Filler = Filler(value=1.0)
    eps: float = 1e-10

    def __post_init__(self):
        if self.eps <= 0:
            raise ValueError(f"eps is {self.eps}, expected more than 0")


@register
class Normalize(Layer):
    """y = s x / sqrt(sum of x^2 + eps), (N, C, ...) -> the same, s learned (SSD's Normalize; ParseNet, Liu et al. 2015).

    The sum runs over channels and pixels, or over the channels of each pixel. The gradient is exact, eps included.
    """

    parameters = {"norm_param": NormalizeParam}
    in_place = True

    def setup(self, bottom, top):
        _, channels, *_ = self.expect(bottom[0], "N", "C", ...)
        self.add_blob(() if self.norm_param.channel_shared else (channels,), self.norm_param.scale_filler)
        self.unit = Blob((), self.dtype, self.device)  # data: x / norm; diff: scratch
        self.norm = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        fixed = self.blobs[0].shape or ("C",)
        batch, channels, *size = shape = self.expect(bottom[0], "N", *fixed, ...)
        self.unit.reshape(batch, channels, math.prod(size))
        self.norm.reshape(batch, 1, 1 if self.norm_param.across_spatial else math.prod(size))
        top[0].reshape(*shape)

    def forward(self, bottom, top):
        unit, norm = self.unit.data, self.norm.data
        x = bottom[0].data.reshape(unit.shape)
        norm[...] = self._dot(x, x)
        norm += self.norm_param.eps
        self.xp.sqrt(norm, out=norm)
        self.xp.divide(x, norm, out=unit)
        self.xp.multiply(unit, self.blobs[0].data.reshape(-1, 1), out=top[0].data.reshape(unit.shape))

    def backward(self, top, propagate_down, bottom):
        unit, part = self.unit.data, self.unit.diff
        dy = top[0].diff.reshape(unit.shape)
        if self.param_propagate_down[0]:
            per_channel = dot_around(self.xp, dy, unit)
            self.blobs[0].diff[...] += per_channel.sum() if self.norm_param.channel_shared else per_channel
        if propagate_down[0]:
            dx = bottom[0].diff.reshape(unit.shape)
            self.xp.multiply(dy, self.blobs[0].data.reshape(-1, 1), out=dx)
            self.xp.multiply(unit, self._dot(dx, unit), out=part)
            dx -= part
            dx /= self.norm.data

    def _dot(self, a, b):
        """Return the sum of a * b, (N, C, S), over what is normalised together: (N, 1, 1) or (N, 1, S)."""
        if self.norm_param.across_spatial:
            return self.xp.einsum("ncs,ncs->n", a, b)[:, None, None]
        return self.xp.einsum("ncs,ncs->ns", a, b)[:, None]
