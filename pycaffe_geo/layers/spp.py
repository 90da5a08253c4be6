"""SPP layer: spatial pyramid pooling."""

import math
from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.pooling import plan_pooling


@dataclass(frozen=True)
class SPPParam:
    """`pyramid_height`: the number of levels; level l pools the image to 2^l x 2^l bins."""

    pyramid_height: int = 0
    pool: Literal["MAX", "AVE"] = "MAX"
    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"

    def __post_init__(self):
        if not 1 <= self.pyramid_height <= 16:
            raise ValueError(f"pyramid_height is {self.pyramid_height}, expected 1 to 16")


@register
class SPP(Layer):
    """Pools an image of any size to a vector of one size (Caffe's SPP; He et al. 2014).

    (N, C, H, W) -> (N, C (1 + 4 + ... + 4^(pyramid_height - 1))), level by level, C varying slowest; with one level
    (N, C, 1, 1). Level l has windows of ceil(H / 2^l), side by side, half of what is too much being pad at the top.
    """

    parameters = {"spp_param": SPPParam}

    def setup(self, bottom, top):
        self.pooled = [Blob((), self.dtype, self.device) for _ in range(self.spp_param.pyramid_height)]
        self.part = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        shape = self.expect(bottom[0], "N", "C", "H", "W")
        self.plans = [self._plan(bottom[0], 2**level) for level in range(self.spp_param.pyramid_height)]
        for plan, blob in zip(self.plans, self.pooled):
            blob.reshape(*plan.out_shape)
        self.part.reshape(*shape)
        ends = [0]
        for blob in self.pooled:
            ends.append(ends[-1] + math.prod(blob.shape[1:]))
        self.columns = [slice(a, b) for a, b in zip(ends, ends[1:])]
        self.flat_shape = (shape[0], ends[-1])
        top[0].reshape(*(self.pooled[0].shape if len(self.pooled) == 1 else self.flat_shape))

    def forward(self, bottom, top):
        y = top[0].data.reshape(self.flat_shape)
        for plan, blob, columns in zip(self.plans, self.pooled, self.columns):
            plan.forward(bottom[0].data, blob.data)
            part = y[:, columns]
            part[...] = blob.data.reshape(part.shape)

    def backward(self, top, propagate_down, bottom):
        dx, level_dx = bottom[0].diff, self.part.data
        dy = top[0].diff.reshape(self.flat_shape)
        for level, (plan, blob, columns) in enumerate(zip(self.plans, self.pooled, self.columns)):
            blob.diff[...] = dy[:, columns].reshape(blob.shape)
            plan.backward(blob.diff, level_dx if level else dx)
            if level:
                dx += level_dx

    def _plan(self, blob, bins):
        size = blob.shape[2:]
        kernel = tuple(-(-n // bins) for n in size)
        pad = tuple((k * bins - n + 1) // 2 for k, n in zip(kernel, size))
        if any(p >= k for p, k in zip(pad, kernel)):
            raise ShapeError(f"{self.where}: bottom '{blob.name}' is {blob.shape}, too small to be cut into {bins} x {bins} bins")
        options = {"stride": kernel, "pad": pad, "dtype": self.dtype, "device": self.device, "engine": self.spp_param.engine}
        return plan_pooling(self.spp_param.pool, blob.shape, kernel, **options)
