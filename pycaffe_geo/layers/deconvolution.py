"""Deconvolution layer."""

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.families.convolution import BaseConvolution
from pycaffe_geo.layer import register
from pycaffe_geo.ops.convolution import plan_convolution


@register
class Deconvolution(BaseConvolution):
    """The adjoint of Convolution (Caffe's Deconvolution): (N, C, H, W) -> (N, num_output, H', W').

    H' = stride (H - 1) + dilation (kernel - 1) + 1 - 2 pad. Weights are (C, num_output / group, kh, kw). It runs the plan of the
    convolution that maps its top to its bottom, backwards.
    """

    def weight_channels(self):
        p = self.convolution_param
        return self.channels, p.num_output // p.group

    def make_plan(self, in_shape):
        options, w_shape = self.plan_options(), self.weights(self.blobs[0].data).shape
        sizes = zip(in_shape[2:], w_shape[2:], options["stride"], options["pad"], options["dilation"])
        spatial = [s * (n - 1) + d * (k - 1) + 1 - 2 * p for n, k, s, p, d in sizes]
        if min(spatial) < 1:
            raise ShapeError(f"pad {options['pad']} leaves a top of {' x '.join(map(str, spatial))}")
        out_shape = (in_shape[0], self.convolution_param.num_output, *spatial)
        return plan_convolution(out_shape, w_shape, **options), out_shape

    def forward(self, bottom, top):
        w = self.weights(self.blobs[0].data)
        for x, y in zip(bottom, top):
            out = y.data.reshape(self.out_shape)
            self.plan.backward_data(x.data.reshape(self.in_shape), w, out)
            if self.bias() is not None:
                out += self.bias().reshape(-1, *[1] * (out.ndim - 2))

    def backward(self, top, propagate_down, bottom):
        w, dw = (self.weights(a) for a in (self.blobs[0].data, self.blobs[0].diff))
        for i, (x, y) in enumerate(zip(bottom, top)):
            dy = y.diff.reshape(self.out_shape)
            if propagate_down[i]:
                self.plan.forward(dy, w, None, x.diff.reshape(self.in_shape))
            if self.param_propagate_down[0]:
                self.plan.backward_weights(dy, x.data.reshape(self.in_shape), dw, x_unchanged=propagate_down[i])
            if len(self.blobs) == 2 and self.param_propagate_down[1]:
                self.blobs[1].diff[...] += dy.sum(axis=(0, *range(2, dy.ndim)), dtype=self.blobs[1].dtype)
