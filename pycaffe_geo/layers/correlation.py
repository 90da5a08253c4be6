"""Correlation layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops import correlation


@dataclass(frozen=True)
class CorrelationParam:
    """FlowNet's CorrelationParameter; `kernel_size` (odd) and `max_displacement` must be given."""

    kernel_size: int | None = None
    max_displacement: int | None = None
    pad: int = 0
    stride_1: int = 1
    stride_2: int = 1
    correlation_type: Literal["MULTIPLY", "SUBTRACT"] = "MULTIPLY"

    def __post_init__(self):
        if self.kernel_size is not None and (self.kernel_size < 1 or self.kernel_size % 2 == 0):
            raise ValueError(f"kernel_size is {self.kernel_size}, expected an odd number")
        for name, least in (("max_displacement", 0), ("pad", 0), ("stride_1", 1), ("stride_2", 1)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise ValueError(f"{name} is {value}, expected at least {least}")


@register
class Correlation(Layer):
    """Patches of one feature map compared with displaced ones of another (FlowNet, Dosovitskiy et al. 2015, Correlation).

    Bottoms: a, b (N, C, H, W). Top: (N, D^2, H', W'), one channel for each displacement of b, left to right, then down, with
    D = 2 (max_displacement // stride_2) + 1 and H' = ceil((H + 2 pad - 2 (max_displacement + kernel_size // 2)) / stride_1).
    MULTIPLY: the mean of a * b over patch and channels; SUBTRACT: of |a - b|, where the gradient is 0 at a = b. Both gradients
    are exact; the original's of SUBTRACT is not (it takes both values from the displaced place).
    """

    bottoms = (2, 2)
    parameters = {"correlation_param": CorrelationParam}

    def setup(self, bottom, top):
        p = self.correlation_param
        if p.kernel_size is None or p.max_displacement is None:
            raise SpecError(f"{self.where}: correlation_param: kernel_size and max_displacement must be given")
        self.shape = None

    def reshape(self, bottom, top):
        p = self.correlation_param
        shape = self.expect(bottom[0], "N", "C", "H", "W")
        self.expect(bottom[1], *shape)
        least = max(2 * p.max_displacement + p.kernel_size - 2 * p.pad, 1)
        if min(shape[2:]) < least or not shape[1]:
            expected = f"expected at least {least} rows and columns, and one channel"
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, {expected}")
        if self.shape != shape:
            self.shape = shape
            subtract = p.correlation_type == "SUBTRACT"
            sizes = p.kernel_size, p.max_displacement, p.stride_1, p.stride_2, p.pad
            self.check_memory("a padded bottom", *shape[:2], *(n + 2 * p.pad for n in shape[2:]))
            self.plan = correlation.Correlation(shape, *sizes, subtract, self.dtype, self.device)
        top[0].reshape(*self.plan.y_shape)

    def forward(self, bottom, top):
        self.plan.forward(bottom[0].data, bottom[1].data, top[0].data)

    def backward(self, top, propagate_down, bottom):
        wanted = (b.diff if p else None for b, p in zip(bottom, propagate_down))
        self.plan.backward(top[0].diff, *wanted)
