"""Dropout layer."""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.dropout import plan_dropout_mask


@dataclass(frozen=True)
class DropoutParam:
    """`dropout_ratio`: the probability of setting an element to 0, at least 0 and below 1."""

    dropout_ratio: float = 0.5

    def __post_init__(self):
        if not 0 <= self.dropout_ratio < 1:
            raise ValueError(f"dropout_ratio is {self.dropout_ratio}, expected at least 0 and below 1")


@register
class Dropout(Layer):
    """TRAIN: y = x mask / (1 - dropout_ratio), where mask is 0 with probability dropout_ratio and else 1. TEST: y = x.

    Any shape. The mask depends on the seed, the layer's name, the iteration and the iter_size step alone; a CPU and a GPU draw
    different ones (Caffe's Dropout; Srivastava et al. 2014).
    """

    parameters = {"dropout_param": DropoutParam}
    half = "follows"
    in_place = True
    keeps_sign = True
    uses_bottom = False

    def setup(self, bottom, top):
        wide = np.promote_types(self.dtype, "float32")
        self.mask = Blob((), wide, self.device)
        self.kernel = plan_dropout_mask(self.device, wide)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)
        self.mask.reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        if self.phase == "TEST":
            self.pass_on(bottom[0].data, top[0].data)
            return
        self._draw()
        self.xp.multiply(bottom[0].data, self.mask.data, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        if self.phase == "TEST":
            self.pass_on(top[0].diff, bottom[0].diff)
            return
        self.xp.multiply(top[0].diff, self.mask.data, out=bottom[0].diff)

    def _draw(self):
        """Fill the mask with 0 and 1 / (1 - ratio)."""
        ratio, mask = self.dropout_param.dropout_ratio, self.mask.data
        if self.kernel:
            self.kernel(mask, ratio, self.name, self.clock)
            return
        self.random().random(dtype=mask.dtype, out=mask)
        self.xp.greater_equal(mask, ratio, out=mask)
        mask /= 1 - ratio
