"""Pooling layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.families.convolution import spatial_sizes
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.pooling import output_size, plan_pooling


@dataclass(frozen=True)
class PoolingParam:
    """Caffe's PoolingParameter; kernel_size, stride and pad may be given by _h and _w instead."""

    pool: Literal["MAX", "AVE"] = "MAX"
    kernel_size: int | None = None
    stride: int | None = None
    pad: int | None = None
    kernel_h: int | None = None
    kernel_w: int | None = None
    stride_h: int | None = None
    stride_w: int | None = None
    pad_h: int | None = None
    pad_w: int | None = None
    global_pooling: bool = False
    round_mode: Literal["CEIL", "FLOOR"] = "CEIL"
    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"

    def __post_init__(self):
        kernel, stride, pad = (spatial_sizes(self, key, d) for key, d in (("kernel", 0), ("stride", 1), ("pad", 0)))
        if self.global_pooling:
            if kernel != (0, 0) or stride != (1, 1) or pad != (0, 0):
                raise ValueError("global_pooling takes the whole image, expected no kernel_size, stride or pad")
            return
        if min(kernel) < 1:
            raise ValueError(f"kernel_size is {kernel[0]} x {kernel[1]}, expected at least 1, or global_pooling")
        if min(stride) < 1 or min(pad) < 0 or pad[0] >= kernel[0] or pad[1] >= kernel[1]:
            got = f"stride {stride}, pad {pad}, kernel {kernel}"
            raise ValueError(f"{got}: expected a stride of at least 1 and a pad smaller than the kernel")


@register
class Pooling(Layer):
    """The maximum or mean of each window (Caffe's Pooling): (N, C, H, W) -> (N, C, H', W').

    H' = ceil((H + 2 pad - kernel) / stride) + 1, less a last window that would start beyond the padded image. With MAX a second
    top gives where each maximum lies, h W + w. Windows wholly outside the image, where Caffe writes out of bounds, give no
    gradient.
    """

    tops = (1, 2)
    parameters = {"pooling_param": PoolingParam}
    half = "follows"
    uses_bottom = False

    def setup(self, bottom, top):
        if len(top) == 2 and self.pooling_param.pool != "MAX":
            raise SpecError(f"{self.where}: a second top, the places of the maxima, needs pool: MAX")

    def reshape(self, bottom, top):
        p = self.pooling_param
        shape = self.expect(bottom[0], "N", "C", "H", "W")
        kernel = None if p.global_pooling else spatial_sizes(p, "kernel", 0)
        options = {"stride": spatial_sizes(p, "stride", 1), "pad": spatial_sizes(p, "pad", 0), "round_mode": p.round_mode}
        options["engine"] = p.engine
        if kernel:
            sizes = zip(shape[2:], kernel, options["stride"], options["pad"])
            self.check_memory("the top", *shape[:2], *(output_size(*a, p.round_mode, any(options["pad"])) for a in sizes))
        try:
            self.plan = plan_pooling(p.pool, shape, kernel, **options, mask=len(top) == 2, dtype=self.dtype, device=self.device)
        except ShapeError as e:
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}: {e}") from e
        for blob in top:
            blob.reshape(*self.plan.out_shape)

    def forward(self, bottom, top):
        self.plan.forward(bottom[0].data, top[0].data, *([top[1].data] if len(top) == 2 else []))

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.plan.backward(top[0].diff, bottom[0].diff)
