"""Silence layer."""

from pycaffe_geo.layer import Layer, register


@register
class Silence(Layer):
    """Takes any bottoms and makes nothing, so that they are no outputs of the net; their gradient is 0 (Caffe's Silence)."""

    bottoms = (1, None)
    tops = (0, 0)
    accumulates = True
    uses_bottom = False

    def reshape(self, bottom, top):
        """There is no top."""

    def forward(self, bottom, top):
        """There is nothing to compute."""

    def backward(self, top, propagate_down, bottom):
        for i in range(len(bottom)):
            if propagate_down[i]:
                self.write_diff(bottom, i, 0)
