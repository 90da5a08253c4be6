"""Parameter layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import SpecError
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.layers.input import BlobShape


@dataclass(frozen=True)
class ParameterParam:
    """`shape`: that of the parameter and of the top."""

    shape: BlobShape = BlobShape()


@register
class Parameter(Layer):
    """A learned parameter, 0 at first, as a top (Caffe's Parameter).

    As everywhere here, backward adds to the parameter's diff; Caffe's overwrites it, which is wrong with iter_size > 1.
    """

    bottoms = (0, 0)
    parameters = {"parameter_param": ParameterParam}

    def setup(self, bottom, top):
        if not self.parameter_param.shape.dim:
            raise SpecError(f"{self.where}: parameter_param: 'shape' is missing")
        self.add_blob(self.parameter_param.shape.dim, Filler())

    def reshape(self, bottom, top):
        top[0].reshape(*self.blobs[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = self.blobs[0].data

    def backward(self, top, propagate_down, bottom):
        if self.param_propagate_down[0]:
            self.blobs[0].diff[...] += top[0].diff
