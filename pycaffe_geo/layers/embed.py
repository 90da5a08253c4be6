"""Embed layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import SpecError
from pycaffe_geo.families.indices import whole_numbers
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.scatter import add_rows


@dataclass(frozen=True)
class EmbedParam:
    """`input_dim`: how many indices there are; `num_output`: the length of the vector of each."""

    num_output: int = 0
    input_dim: int = 0
    bias_term: bool = True
    weight_filler: Filler = Filler()
    bias_filler: Filler = Filler()


@register
class Embed(Layer):
    """y = W[x] (+ b): a learned vector for each whole number x of 0..input_dim-1 (Caffe's Embed).

    Bottom of any shape (...), top (..., num_output); W is (input_dim, num_output), b (num_output,). No gradient to x.
    """

    parameters = {"embed_param": EmbedParam}
    no_gradient = (0,)

    def setup(self, bottom, top):
        p = self.embed_param
        if p.num_output < 1 or p.input_dim < 1:
            got = f"num_output {p.num_output} and input_dim {p.input_dim}"
            raise SpecError(f"{self.where}: embed_param has {got}, expected at least 1")
        self.add_blob((p.input_dim, p.num_output), p.weight_filler)
        if p.bias_term:
            self.add_blob((p.num_output,), p.bias_filler)

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape, self.embed_param.num_output)

    def forward(self, bottom, top):
        self.index = whole_numbers(self, bottom[0], self.embed_param.input_dim).reshape(-1)
        y = top[0].data.reshape(-1, self.embed_param.num_output)
        y[...] = self.blobs[0].data[self.index]
        if self.embed_param.bias_term:
            y += self.blobs[1].data

    def backward(self, top, propagate_down, bottom):
        dy = top[0].diff.reshape(-1, self.embed_param.num_output)
        if self.param_propagate_down[0]:
            add_rows(self.xp, self.blobs[0].diff, self.index, dy)
        if self.embed_param.bias_term and self.param_propagate_down[1]:
            self.blobs[1].diff[...] += dy.sum(axis=0)
