"""Convolution layer."""

from pycaffe_geo.families.convolution import BaseConvolution
from pycaffe_geo.layer import register
from pycaffe_geo.ops.convolution import plan_convolution


@register
class Convolution(BaseConvolution):
    """y = w * x + b (correlation), Caffe's Convolution: (N, C, H, W) -> (N, num_output, H', W').

    H' = floor((H + 2 pad - dilation (kernel - 1) - 1) / stride) + 1. Weights are (num_output, C / group, kh, kw). One
    spatial axis, or more than two, do as well.
    """

    def weight_channels(self):
        p = self.convolution_param
        return p.num_output, self.channels // p.group

    def make_plan(self, in_shape):
        plan = plan_convolution(in_shape, self.weights(self.blobs[0].data).shape, **self.plan_options())
        return plan, plan.out_shape

    @property
    def rectifies(self):
        return getattr(self.plan, "rectifies", False)

    def forward(self, bottom, top):
        self._convolve(self.plan.forward, bottom, top)

    def forward_rectified(self, bottom, top):
        self._convolve(self.plan.forward_rectified, bottom, top)

    def _convolve(self, run, bottom, top):
        w = self.weights(self.blobs[0].data)
        for x, y in zip(bottom, top):
            run(x.data.reshape(self.in_shape), w, self.bias(), y.data.reshape(self.out_shape))

    def backward(self, top, propagate_down, bottom):
        w, dw = (self.weights(a) for a in (self.blobs[0].data, self.blobs[0].diff))
        for i, (x, y) in enumerate(zip(bottom, top)):
            dy = y.diff.reshape(self.out_shape)
            if self.param_propagate_down[0]:
                self.plan.backward_weights(x.data.reshape(self.in_shape), dy, dw, x_unchanged=len(bottom) == 1)
            if len(self.blobs) == 2 and self.param_propagate_down[1]:
                self.plan.backward_bias(dy, self.blobs[1].diff)
            if propagate_down[i]:
                self.plan.backward_data(dy, w, x.diff.reshape(self.in_shape), dy_unchanged=self.param_propagate_down[0])
