"""Im2col layer."""

import math
from dataclasses import dataclass
from itertools import product

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.families.convolution import DEFAULT_SIZES, ConvolutionParam, spatial_sizes
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.convolution import output_size


@dataclass(frozen=True)
class Im2colParam(ConvolutionParam):
    """Convolution's, of which kernel, stride, pad, dilation and axis count."""

    num_output: int = 1


@register
class Im2col(Layer):
    """The patch under each position of a kernel as one column of channels (Caffe's Im2col).

    (N, C, H, W) -> (N, C kh kw, H', W'), channel (c kh + i) kw + j; H' as Convolution's. `axis` is the channel axis; any
    number of spatial axes follows it.
    """

    parameters = {"convolution_param": Im2colParam}
    uses_bottom = False

    def setup(self, bottom, top):
        self.padded = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        p, blob, shape = self.convolution_param, bottom[0], bottom[0].shape
        axis = self.canonical_axis(p.axis, blob)
        count = len(shape) - axis - 1
        if count < 1:
            raise ShapeError(f"{self.where}: bottom '{blob.name}' is {shape}, expected axes after axis {axis}")
        try:
            kernel, stride, pad, dilation = (spatial_sizes(p, key, d, count) for key, d in DEFAULT_SIZES.items())
        except ValueError as e:
            raise SpecError(f"{self.where}: convolution_param: {e}") from e
        if 0 in kernel:
            raise SpecError(f"{self.where}: convolution_param: 'kernel_size' is missing")
        size = shape[axis + 1:]
        out = tuple(output_size(*sizes) for sizes in zip(size, kernel, stride, pad, dilation))
        if min(out) < 1:
            raise ShapeError(f"{self.where}: bottom '{blob.name}' is {shape}, too small for kernel {kernel} with pad {pad}")
        top[0].reshape(*shape[:axis], shape[axis] * math.prod(kernel), *out)
        planes = math.prod(shape[:axis + 1])
        self.x_shape, self.y_shape = (planes, *size), (planes, *kernel, *out)
        self.padded.reshape(planes, *(n + 2 * w for n, w in zip(size, pad)))
        self.inside = (..., *(slice(w, w + n) for n, w in zip(size, pad)))
        self.taps = []
        for element in product(*map(range, kernel)):
            places = (slice(e * d, e * d + (m - 1) * s + 1, s) for e, d, m, s in zip(element, dilation, out, stride))
            self.taps.append(((slice(None), *element), (slice(None), *places)))

    def forward(self, bottom, top):
        padded, y = self.padded.data, top[0].data.reshape(self.y_shape)
        padded[...] = 0
        padded[self.inside] = bottom[0].data.reshape(self.x_shape)
        for element, places in self.taps:
            y[element] = padded[places]

    def backward(self, top, propagate_down, bottom):
        padded, dy = self.padded.data, top[0].diff.reshape(self.y_shape)
        padded[...] = 0
        for element, places in self.taps:
            padded[places] += dy[element]
        bottom[0].diff.reshape(self.x_shape)[...] = padded[self.inside]
