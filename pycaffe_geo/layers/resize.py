"""Resize layer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops import resize
from pycaffe_geo.ops.wide import WidePlan, is_half


@dataclass(frozen=True)
class ResizeParam:
    """The new size is `height` x `width`, or the old one times `zoom_factor` / `shrink_factor`, or that of a second bottom.

    `align_corners`: the centres of the corner pixels stay in place, and factors count steps between pixels: n becomes
    (n - 1) // shrink_factor + 1, then (n - 1) zoom_factor + 1. Left out, it is false for Resize and true for Interp, whose
    `pad_beg` and `pad_end` must be 0.
    """

    height: int | None = None
    width: int | None = None
    zoom_factor: int | None = None
    shrink_factor: int | None = None
    mode: Literal["bilinear", "nearest", "area"] = "bilinear"
    align_corners: bool | None = None
    pad_beg: int = 0
    pad_end: int = 0

    def __post_init__(self):
        for name in ("height", "width", "zoom_factor", "shrink_factor"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name} is {value}, expected at least 1")
        if (self.height is None) != (self.width is None):
            raise ValueError("expected height and width, got one of them")
        if self.height and (self.zoom_factor or self.shrink_factor):
            raise ValueError("expected either height and width or factors, got both")
        if self.pad_beg or self.pad_end:
            raise ValueError("pad_beg and pad_end are not supported: use a Crop layer before")


@register(aliases=("Interp",))
class Resize(Layer):
    """Images at another size, (N, C, H, W) -> (N, C, H', W'); the gradient is the exact adjoint.

    bilinear without antialias, nearest, or area: the mean over the new pixel's area. Half-pixel centres: old position
    (i + 0.5) H / H' - 0.5, edges repeated, so intrinsics move as cx' = (cx + 0.5) W' / W - 0.5. A second bottom gives its height
    and width alone. Interp (of DeepLab, PSPNet) is the same with aligned corners, its parameters are `interp_param`.
    """

    bottoms = (1, 2)
    parameters = {"resize_param": ResizeParam, "interp_param": ResizeParam}
    no_gradient = (1,)
    half = "follows"
    uses_bottom = False

    def setup(self, bottom, top):
        given = [p for p in (self.definition.parameters.get(key) for key in self.parameters) if p not in (None, ResizeParam())]
        if len(given) > 1:
            raise SpecError(f"{self.where}: has resize_param and interp_param, expected one of them")
        self.param = p = given[0] if given else ResizeParam()
        self.align_corners = self.type == "Interp" if p.align_corners is None else p.align_corners
        if p.mode == "area" and self.align_corners:
            raise SpecError(f"{self.where}: mode 'area' has no aligned corners: set align_corners: false")
        if bool(p.height or p.zoom_factor or p.shrink_factor) == (len(bottom) == 2):
            raise SpecError(f"{self.where}: expected height and width, or factors, or a second bottom: one of the three")
        self.shapes = None

    def reshape(self, bottom, top):
        batch, channels, *old = shape = self.expect(bottom[0], "N", "C", "H", "W")
        if len(bottom) == 2:
            new = self.expect(bottom[1], "N", "C", "H", "W")[2:]
        else:
            new = (self.param.height, self.param.width) if self.param.height else [self._scaled(n) for n in old]
        if not all((*old, *new)):
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, cannot become {tuple(new)}: no pixels")
        top[0].reshape(batch, channels, *new)
        if self.shapes != (shape, top[0].shape):
            self.shapes = shape, top[0].shape
            wide = np.promote_types(self.dtype, "float32")
            plan = resize.Resize(shape, *new, self.param.mode, self.align_corners, wide, self.device)
            self.plan = WidePlan(plan, forward=[1], backward=[1]) if is_half(self.dtype) else plan

    def forward(self, bottom, top):
        self.plan.forward(bottom[0].data, top[0].data)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.plan.backward(top[0].diff, bottom[0].diff)

    def _scaled(self, n):
        zoom, shrink = self.param.zoom_factor or 1, self.param.shrink_factor or 1
        if self.align_corners:
            return (n - 1) // shrink * zoom + 1
        return max(n * zoom // shrink, 1)
