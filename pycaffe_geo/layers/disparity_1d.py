"""Disparity1D layer."""

from dataclasses import dataclass

from pycaffe_geo.geometry.grid import pixel_axes
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class Disparity1DParam:
    """`sign`: 1 looks to the right, x + d; -1 to the left, x - d."""

    sign: int = 1

    def __post_init__(self):
        if self.sign not in (1, -1):
            raise ValueError(f"sign is {self.sign}, expected 1 or -1")


@register
class Disparity1D(Layer):
    """Disparity -> the coordinates (x + sign d, y) to sample the other image of a rectified stereo pair at.

    Bottom: disparity (N, 1, H, W) in pixels. Top: coordinates (N, 2, H, W) in pixels, channel 0 = x, for InverseWarping, whose
    second top is their validity. Of a left image with disparities d >= 0, `sign: -1` samples the right image; of a right image,
    `sign: 1` samples the left one. gvnn's Disparity1D is `sign: 1`.
    """

    parameters = {"disparity_1d_param": Disparity1DParam}
    accumulates = True
    uses_bottom = False

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 1, "H", "W")
        top[0].reshape(batch, 2, height, width)

    def forward(self, bottom, top):
        disparity, coords = bottom[0].data, top[0].data
        x, y = pixel_axes(*coords.shape[2:], coords)
        if self.disparity_1d_param.sign > 0:
            self.xp.add(x, disparity[:, 0], out=coords[:, 0])
        else:
            self.xp.subtract(x, disparity[:, 0], out=coords[:, 0])
        coords[:, 1] = y[:, None]

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.write_diff(bottom, 0, self.disparity_1d_param.sign * top[0].diff[:, :1])
