"""Threshold layer."""

from dataclasses import dataclass

from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class ThresholdParam:
    """`threshold`: what the values must exceed."""

    threshold: float = 0.0


@register
class Threshold(Layer):
    """y = 1 where x > threshold, else 0; any shape; no gradient (Caffe's Threshold)."""

    parameters = {"threshold_param": ThresholdParam}
    in_place = True
    no_gradient = (0,)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data > self.threshold_param.threshold

    def backward(self, top, propagate_down, bottom):
        if top[0] is bottom[0]:
            bottom[0].diff[...] = 0  # in place it still holds the top's
