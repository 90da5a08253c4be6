"""Scale layer."""

from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.broadcast import dot_around, fold, operand_shape, sum_around
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class ScaleParam:
    """The factor spans `num_axes` axes of bottom[0] from `axis` on (-1: all of them, 0: it is one number)."""

    axis: int = 1
    num_axes: int = 1
    filler: Filler = Filler(value=1.0)
    bias_term: bool = False
    bias_filler: Filler = Filler()


@register
class Scale(Layer):
    """y = x * s (+ b), repeated over the other axes; s is learned, or the second bottom, of its own shape (Caffe's Scale)."""

    bottoms = (1, 2)
    parameters = {"scale_param": ScaleParam}
    in_place = True

    def setup(self, bottom, top):
        p = self.scale_param
        shape = bottom[1].shape if len(bottom) == 2 else operand_shape(self, bottom, p.axis, p.num_axes)
        if len(bottom) == 1:
            self.add_blob(shape, p.filler)
        if p.bias_term:
            self.add_blob(shape, p.bias_filler)
        self.kept = Blob((), self.dtype, self.device, self.name)

    def reshape(self, bottom, top):
        for operand in (*bottom[1:], *self.blobs):
            self.shape = fold(self, bottom[0], operand, self.scale_param.axis)
        top[0].reshape(*bottom[0].shape)
        self.kept.reshape(*self.shape)

    def forward(self, bottom, top):
        x, y = bottom[0].data.reshape(self.shape), top[0].data.reshape(self.shape)
        if top[0].shares_data(bottom[0]) and (len(bottom) == 2 or self.param_propagate_down[0]):
            self.kept.data[...] = x
        self.xp.multiply(x, self._factor(bottom).data.reshape(-1, 1), out=y)
        if self.scale_param.bias_term:
            y += self.blobs[-1].data.reshape(-1, 1)

    def backward(self, top, propagate_down, bottom):
        dy = top[0].diff.reshape(self.shape)
        factor = self._factor(bottom)
        if self.scale_param.bias_term and self.param_propagate_down[-1]:
            self.blobs[-1].diff[...] += sum_around(dy).reshape(factor.shape)
        if len(bottom) == 2 and propagate_down[1]:
            factor.diff[...] = self._factor_gradient(dy, top, bottom).reshape(factor.shape)
        elif len(bottom) == 1 and self.param_propagate_down[0]:
            factor.diff[...] += self._factor_gradient(dy, top, bottom).reshape(factor.shape)
        if propagate_down[0]:
            self.xp.multiply(dy, factor.data.reshape(-1, 1), out=bottom[0].diff.reshape(self.shape))

    def _factor(self, bottom):
        return bottom[1] if len(bottom) == 2 else self.blobs[0]

    def _factor_gradient(self, dy, top, bottom):
        x = self.kept.data if top[0].shares_data(bottom[0]) else bottom[0].data.reshape(self.shape)
        return dot_around(self.xp, dy, x)
