"""Scale layer."""

from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.broadcast import fold, operand_shape
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.scale import plan_scale


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
    half = "follows"
    in_place = True
    rectifies = True

    @property
    def kept_input(self):
        return self.kept if self.overwrites and (self.scales_by_bottom or self.param_propagate_down[0]) else None

    @property
    def uses_bottom(self):
        return self.kept_input is None or self.scales_by_bottom

    def setup(self, bottom, top):
        p = self.scale_param
        shape = bottom[1].shape if len(bottom) == 2 else operand_shape(self, bottom, p.axis, p.num_axes)
        if len(bottom) == 1:
            self.add_blob(shape, p.filler)
        if p.bias_term:
            self.add_blob(shape, p.bias_filler)
        self.overwrites, self.scales_by_bottom = top[0] is bottom[0], len(bottom) == 2
        self.kept = Blob((), self.dtype, self.device, self.name)
        self.scale, self.scale_back = plan_scale(self.device, self.dtype)

    def reshape(self, bottom, top):
        for operand in (*bottom[1:], *self.blobs):
            self.shape = fold(self, bottom[0], operand, self.scale_param.axis)
        top[0].reshape(*bottom[0].shape)
        self.kept.reshape(*self.shape)

    def forward(self, bottom, top):
        self._scale(bottom, top, rectify=False)

    def forward_rectified(self, bottom, top):
        self._scale(bottom, top, rectify=True)

    def _scale(self, bottom, top, rectify):
        x, y = bottom[0].data.reshape(self.shape), top[0].data.reshape(self.shape)
        keeps = top[0].shares_data(bottom[0]) and (len(bottom) == 2 or self.param_propagate_down[0])
        offset = self.blobs[-1].data.reshape(-1) if self.scale_param.bias_term else None
        self.scale(x, self._factor(bottom).data.reshape(-1), offset, y, self.kept.data if keeps else None, rectify=rectify)

    def backward(self, top, propagate_down, bottom):
        dy, factor = top[0].diff.reshape(self.shape), self._factor(bottom)
        dx = bottom[0].diff.reshape(self.shape) if propagate_down[0] else None
        learns = propagate_down[1] if len(bottom) == 2 else self.param_propagate_down[0]
        if learns and len(bottom) == 2:
            factor.diff[...] = 0
        dfactor = factor.diff.reshape(-1) if learns else None
        x = self.kept.data if learns and top[0].shares_data(bottom[0]) else bottom[0].data.reshape(self.shape)
        has_offset = self.scale_param.bias_term and self.param_propagate_down[-1]
        doffset = self.blobs[-1].diff.reshape(-1) if has_offset else None
        self.scale_back(x, dy, factor.data.reshape(-1), dx, dfactor, doffset)

    def _factor(self, bottom):
        return bottom[1] if len(bottom) == 2 else self.blobs[0]
