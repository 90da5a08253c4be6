"""Crop layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class CropParam:
    """`axis`: the first axis to crop; negative counts from the end. `offset`: where to begin, one value for all axes from
    `axis` on or one for each (none: 0)."""

    axis: int = 2
    offset: tuple[int, ...] = ()


@register
class Crop(Layer):
    """Cuts bottom 0 to the sizes of bottom 1 on the axes from `axis` on; the values of bottom 1 do not matter (Caffe's Crop)."""

    bottoms = (2, 2)
    parameters = {"crop_param": CropParam}
    no_gradient = (1,)
    half = "follows"
    uses_bottom = False

    def reshape(self, bottom, top):
        p = self.crop_param
        x, like = bottom[0].shape, bottom[1].shape
        axis = self.canonical_axis(p.axis, bottom[0])
        if len(like) != len(x):
            raise ShapeError(f"{self.where}: bottom '{bottom[1].name}' is {like}, expected as many axes as in {x}")
        count = len(x) - axis
        if len(p.offset) not in (0, 1, count):
            raise SpecError(f"{self.where}: offset has {len(p.offset)} values, expected 1 or {count}: the axes from {axis} on")
        offsets = p.offset if len(p.offset) == count else (p.offset or (0,)) * count
        for i, offset in enumerate(offsets, axis):
            if offset < 0 or offset + like[i] > x[i]:
                raise ShapeError(
                    f"{self.where}: axis {i} of bottom '{bottom[0].name}' has the size {x[i]}, too small for {like[i]} "
                    f"(bottom '{bottom[1].name}') from offset {offset} on"
                )
        self.part = (slice(None),) * axis + tuple(slice(o, o + like[i]) for i, o in enumerate(offsets, axis))
        top[0].reshape(*x[:axis], *like[axis:])

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data[self.part]

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            bottom[0].diff[...] = 0
            bottom[0].diff[self.part] = top[0].diff
