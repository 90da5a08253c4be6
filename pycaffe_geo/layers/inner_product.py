"""InnerProduct layer: fully connected."""

import math
from dataclasses import dataclass

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.product import plan_product


@dataclass(frozen=True)
class InnerProductParam:
    """Axes from `axis` on are flattened into the inputs; `transpose` stores the weights as (inputs, num_output)."""

    num_output: int = 0
    bias_term: bool = True
    weight_filler: Filler = Filler()
    bias_filler: Filler = Filler()
    axis: int = 1
    transpose: bool = False


@register
class InnerProduct(Layer):
    """y = W x + b for every sample: (N, ...) -> (N, num_output); W is (num_output, inputs) (Caffe's InnerProduct)."""

    parameters = {"inner_product_param": InnerProductParam}
    half = "always"

    def setup(self, bottom, top):
        p = self.inner_product_param
        if p.num_output < 1:
            raise SpecError(f"{self.where}: inner_product_param.num_output is {p.num_output}, expected at least 1")
        self.inputs = self._sizes(bottom[0])[1]
        shape = (p.num_output, self.inputs)
        self.add_blob(shape[::-1] if p.transpose else shape, p.weight_filler)
        if p.bias_term:
            self.add_blob(shape[:1], p.bias_filler)

    def reshape(self, bottom, top):
        rows, inputs = self._sizes(bottom[0])
        if inputs != self.inputs:
            raise ShapeError(
                f"{self.where}: bottom '{bottom[0].name}' is {bottom[0].shape}, which gives {inputs} inputs, "
                f"expected {self.inputs} as '{self.blobs[0].name}' has"
            )
        outputs = self.inner_product_param.num_output
        top[0].reshape(*bottom[0].shape[:self.canonical_axis(self.inner_product_param.axis, bottom[0])], outputs)
        self.x_shape, self.y_shape = (rows, inputs), (rows, outputs)
        self.product = plan_product(self.dtype, self.device)

    def forward(self, bottom, top):
        y = top[0].data.reshape(self.y_shape)
        self.product(bottom[0].data.reshape(self.x_shape), self._weights().T, y)
        if self.inner_product_param.bias_term:
            y += self.blobs[1].data

    def backward(self, top, propagate_down, bottom):
        x, dy = bottom[0].data.reshape(self.x_shape), top[0].diff.reshape(self.y_shape)
        if self.param_propagate_down[0]:
            left, right = (x, dy) if self.inner_product_param.transpose else (dy, x)
            self.product(left.T, right, self.blobs[0].diff, add=True)
        if self.inner_product_param.bias_term and self.param_propagate_down[1]:
            self.blobs[1].diff[...] += dy.sum(axis=0, dtype=self.blobs[1].dtype)
        if propagate_down[0]:
            self.product(dy, self._weights(), bottom[0].diff.reshape(self.x_shape))

    def _weights(self):
        """Return W as (num_output, inputs)."""
        w = self.blobs[0].data
        return w.T if self.inner_product_param.transpose else w

    def _sizes(self, blob):
        axis = self.canonical_axis(self.inner_product_param.axis, blob)
        return math.prod(blob.shape[:axis]), math.prod(blob.shape[axis:])
