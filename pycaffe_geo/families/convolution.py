"""What Convolution and Deconvolution share: their parameters, their blobs, and the sizes for each axis, or by _h and _w."""

import math
from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.fillers import Filler
from pycaffe_geo.layer import Layer


DEFAULT_SIZES = {"kernel": 0, "stride": 1, "pad": 0, "dilation": 1}


@dataclass(frozen=True)
class ConvolutionParam:
    """Caffe's ConvolutionParameter. kernel_size, stride, pad and dilation are one number, one per axis, or given by _h and _w."""

    num_output: int = 0
    kernel_size: tuple[int, ...] = ()
    stride: tuple[int, ...] = ()
    pad: tuple[int, ...] = ()
    dilation: tuple[int, ...] = ()
    kernel_h: int | None = None
    kernel_w: int | None = None
    stride_h: int | None = None
    stride_w: int | None = None
    pad_h: int | None = None
    pad_w: int | None = None
    group: int = 1
    bias_term: bool = True
    weight_filler: Filler = Filler()
    bias_filler: Filler = Filler()
    axis: int = 1
    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"
    force_nd_im2col: bool = False

    def __post_init__(self):
        if self.num_output < 1:
            raise ValueError(f"num_output is {self.num_output}, expected at least 1")
        if self.group < 1 or self.num_output % self.group:
            raise ValueError(f"num_output {self.num_output} is no multiple of group {self.group}")
        for key, least in (("kernel", 1), ("stride", 1), ("pad", 0)):
            sizes = spatial_sizes(self, key, least, max(2, len(self.kernel_size), len(self.stride), len(self.pad)))
            if min(sizes) < least:
                raise ValueError(f"{key} is {' x '.join(map(str, sizes))}, expected at least {least}")
        if self.dilation and min(self.dilation) < 1:
            raise ValueError(f"dilation is {self.dilation}, expected at least 1")


def spatial_sizes(param, key, default, count=2):
    """Return `count` sizes of `key` = kernel, stride, pad or dilation, from a parameter with `key`(_size), `key`_h and `key`_w.

    Raises ValueError where both forms are given, one of _h and _w is missing, or there is neither one number nor one for each
    axis. As in Caffe, a convolution's pad_h or pad_w may stand alone, and the other one is 0; Pooling's may not.
    """
    name = "kernel_size" if key == "kernel" else key
    sizes = getattr(param, name)
    sizes = (sizes,) if isinstance(sizes, int) else tuple(sizes or ())
    h, w = getattr(param, f"{key}_h", None), getattr(param, f"{key}_w", None)
    if h is not None or w is not None:
        if key == "pad" and isinstance(param, ConvolutionParam):
            h, w = h or 0, w or 0
        if sizes or h is None or w is None:
            raise ValueError(f"got {name} {sizes or None}, {key}_h {h}, {key}_w {w}, expected {name} or both {key}_h and {key}_w")
        if count != 2:
            raise ValueError(f"{key}_h and {key}_w are given, expected {name}: there is no height and width with {count} axes")
        return h, w
    if len(sizes) not in (0, 1, count):
        expected = f"1 or {count}: one for each spatial axis" if count > 1 else "1: there is one spatial axis"
        raise ValueError(f"{name} has {len(sizes)} numbers, expected {expected}")
    return sizes if len(sizes) == count else (sizes or (default,)) * count


class BaseConvolution(Layer):
    """Weights and an optional bias; bottoms and tops come in pairs of (N, C, H, W), (N, C, W), or with more spatial axes.

    `axis` is the channel axis; the axes before it are batch axes. A subclass gives `weight_channels()`, the first two sizes of
    its weights, and `make_plan(in_shape)`, which returns the plan of ops/convolution.py and the top's shape, of at least 4 axes.
    """

    bottoms = (1, None)
    tops = (1, None)
    parameters = {"convolution_param": ConvolutionParam}
    half = "always"

    def setup(self, bottom, top):
        p = self.convolution_param
        if len(bottom) != len(top):
            raise SpecError(f"{self.where}: has {len(bottom)} bottom(s) and {len(top)} top(s), expected as many of both")
        axis = self.canonical_axis(p.axis, bottom[0])
        self.spatial = len(bottom[0].shape) - axis - 1
        if self.spatial < 1:
            shape = bottom[0].shape
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, expected axes after axis {axis}")
        try:
            self.sizes = {k: spatial_sizes(p, k, d, self.spatial) for k, d in DEFAULT_SIZES.items()}
        except ValueError as e:
            raise SpecError(f"{self.where}: convolution_param: {e}") from e
        kernel = self.sizes["kernel"]
        if 0 in kernel:
            raise SpecError(f"{self.where}: convolution_param: 'kernel_size' is missing")
        self.channels = bottom[0].shape[axis]
        if 0 in bottom[0].shape[axis:]:
            name = bottom[0].name
            raise ShapeError(f"{self.where}: bottom '{name}' is {bottom[0].shape}, expected at least one channel and pixel")
        if self.channels % p.group:
            name = bottom[0].name
            raise ShapeError(f"{self.where}: bottom '{name}' has {self.channels} channels, no multiple of group {p.group}")
        self.add_blob((*self.weight_channels(), *kernel), p.weight_filler)
        if p.bias_term:
            self.add_blob((p.num_output,), p.bias_filler)

    def reshape(self, bottom, top):
        axis, shape = self.canonical_axis(self.convolution_param.axis, bottom[0]), bottom[0].shape
        if shape[axis] != self.channels:
            raise ShapeError(
                f"{self.where}: bottom '{bottom[0].name}' is {shape}, expected {self.channels} channels at axis {axis} "
                "as its weights have"
            )
        for blob in bottom[1:]:
            self.expect(blob, *shape)
        flat = (1,) * (self.spatial == 1)  # the height of a bottom with one spatial axis
        self.in_shape = (math.prod(shape[:axis]), shape[axis], *flat, *shape[axis + 1:])
        try:
            self.plan, self.out_shape = self.make_plan(self.in_shape)
        except ShapeError as e:
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}: {e}") from e
        for blob in top:
            blob.reshape(*shape[:axis], self.out_shape[1], *self.out_shape[2 + len(flat):])

    def weights(self, array):
        """Return an array of the weights' shape as (outputs, inputs / group, kh, kw), or with more axes."""
        return array if self.spatial > 1 else array[:, :, None]

    def plan_options(self):
        """Return the arguments of `plan_convolution`; along a height of 1 that was added they do nothing."""
        sizes = {key: self.sizes[key] for key in ("stride", "pad", "dilation")}
        if self.spatial == 1:
            sizes = {key: (DEFAULT_SIZES[key], *width) for key, width in sizes.items()}
        p = self.convolution_param
        options = {"group": p.group, "engine": p.engine, "check": self.check_memory}
        return {**sizes, **options, "dtype": self.dtype, "device": self.device}

    def bias(self):
        """Return the bias (outputs,) or None."""
        return self.blobs[1].data if self.convolution_param.bias_term else None
