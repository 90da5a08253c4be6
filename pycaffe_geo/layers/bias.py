"""Bias layer."""

from dataclasses import dataclass

from pycaffe_geo.families.broadcast import fold, operand_shape, sum_around
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class BiasParam:
    """The offset spans `num_axes` axes of bottom[0] from `axis` on (-1: all of them, 0: it is one number)."""

    axis: int = 1
    num_axes: int = 1
    filler: Filler = Filler()


@register
class Bias(Layer):
    """y = x + b, with b repeated over the other axes; b is learned, or the second bottom with its own shape (Caffe's Bias)."""

    bottoms = (1, 2)
    parameters = {"bias_param": BiasParam}
    in_place = True
    uses_bottom = False

    def setup(self, bottom, top):
        p = self.bias_param
        if len(bottom) == 1:
            self.add_blob(operand_shape(self, bottom, p.axis, p.num_axes), p.filler)

    def reshape(self, bottom, top):
        self.shape = fold(self, bottom[0], self._offset(bottom), self.bias_param.axis)
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        x, y = bottom[0].data.reshape(self.shape), top[0].data.reshape(self.shape)
        self.xp.add(x, self._offset(bottom).data.reshape(-1, 1), out=y)

    def backward(self, top, propagate_down, bottom):
        offset = self._offset(bottom)
        if len(bottom) == 2 and propagate_down[1]:
            offset.diff[...] = self._sum(top).reshape(offset.shape)
        elif len(bottom) == 1 and self.param_propagate_down[0]:
            offset.diff[...] += self._sum(top).reshape(offset.shape)
        if propagate_down[0] and not top[0].shares_diff(bottom[0]):
            bottom[0].diff[...] = top[0].diff

    def _offset(self, bottom):
        return bottom[1] if len(bottom) == 2 else self.blobs[0]

    def _sum(self, top):
        return sum_around(top[0].diff.reshape(self.shape))
