"""IntrinsicsScale layer."""

from dataclasses import dataclass
from math import isfinite
from typing import Literal

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.geometry.camera import scale_intrinsics
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class IntrinsicsScaleParam:
    """`factor`: new size / old size, such as 0.5. `rule`: how the image was resized, see the layer."""

    factor: float | None = None
    rule: Literal["half_pixel", "align_corners", "plain"] = "half_pixel"

    def __post_init__(self):
        if self.factor is not None and not (self.factor > 0 and isfinite(self.factor)):
            raise ValueError(f"factor is {self.factor}, expected a number more than 0")


@register
class IntrinsicsScale(Layer):
    """The intrinsics of a resized image, such as a level of a pyramid: (N, 4, 1, 1) = fx, fy, cx, cy in pixels -> the same.

    The factors s are `factor`, or W' / W and H' / H of two more bottoms: an image or depth of the old size and one of the new.
    Where an odd size was halved only those are exact. By `rule`:
        half_pixel     f' = s f, c' = (c + 0.5) s - 0.5: Resize's rule, and ours
        align_corners  f' = s f, c' = s c with s = (W' - 1) / (W - 1): needs the two bottoms
        plain          f' = s f, c' = s c: SfMLearner's rule, off by (1 - s) / 2 pixels for our images
    Gradient to the intrinsics.
    """

    bottoms = (1, 3)
    parameters = {"intrinsics_scale_param": IntrinsicsScaleParam}
    no_gradient = (1, 2)
    accumulates = True
    uses_bottom = False

    def setup(self, bottom, top):
        p = self.intrinsics_scale_param
        if len(bottom) == 2 or (len(bottom) == 3) == (p.factor is not None):
            raise SpecError(f"{self.where}: expected factor, or two more bottoms of the old and the new size: one of the two")
        if p.rule == "align_corners" and p.factor is not None:
            raise SpecError(f"{self.where}: rule align_corners needs two more bottoms of the old and the new size, got factor")
        self.offset = 0.5 if p.rule == "half_pixel" else 0

    def reshape(self, bottom, top):
        top[0].reshape(*self.expect(bottom[0], "N", 4, 1, 1))
        self.scales = [self.intrinsics_scale_param.factor] * 2
        if len(bottom) == 3:
            old, new = (self.expect(b, "N", "C", "H", "W") for b in bottom[1:])
            self.scales = [self._ratio(old, new, axis) for axis in (3, 2)]

    def forward(self, bottom, top):
        top[0].data[...] = scale_intrinsics(bottom[0].data, *self.scales, self.offset)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.write_diff(bottom, 0, scale_intrinsics(top[0].diff, *self.scales, offset=0))

    def _ratio(self, old, new, axis):
        corner = self.intrinsics_scale_param.rule == "align_corners"
        if min(old[axis], new[axis]) <= corner:
            sizes = f"sizes are {old[2:]} and {new[2:]}"
            raise ShapeError(f"{self.where}: {sizes}, expected more than {int(corner)} pixels along each axis")
        return (new[axis] - corner) / (old[axis] - corner)
