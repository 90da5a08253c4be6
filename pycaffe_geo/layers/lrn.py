"""LRN layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.lrn import plan_lrn


@dataclass(frozen=True)
class LRNParam:
    """Caffe's LRNParameter; `local_size` must be odd."""

    local_size: int = 5
    alpha: float = 1.0
    beta: float = 0.75
    norm_region: Literal["ACROSS_CHANNELS", "WITHIN_CHANNEL"] = "ACROSS_CHANNELS"
    k: float = 1.0
    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"

    def __post_init__(self):
        if self.local_size < 1 or self.local_size % 2 == 0:
            raise ValueError(f"local_size is {self.local_size}, expected an odd number")


@register
class LRN(Layer):
    """Local response normalisation (Krizhevsky et al. 2012), as in Caffe: y = x s^-beta, (N, C, H, W) -> the same.

    ACROSS_CHANNELS: s = k + alpha / size * (sum of x^2 over `local_size` channels around each). WITHIN_CHANNEL: s = 1 + alpha *
    (mean of x^2 over a square window); k plays no part.
    """

    parameters = {"lrn_param": LRNParam}
    half = "follows"

    def reshape(self, bottom, top):
        p = self.lrn_param
        shape = self.expect(bottom[0], "N", "C", "H", "W")
        numbers = {"alpha": p.alpha, "beta": p.beta, "k": p.k}
        options = {"dtype": self.dtype, "device": self.device, "engine": p.engine}
        self.plan = plan_lrn(p.norm_region, shape, p.local_size, **numbers, **options)
        top[0].reshape(*shape)

    def forward(self, bottom, top):
        self.plan.forward(bottom[0].data, top[0].data)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.plan.backward(bottom[0].data, top[0].diff, bottom[0].diff)
