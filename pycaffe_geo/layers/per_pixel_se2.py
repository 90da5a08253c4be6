"""PerPixelSE2 layer."""

from dataclasses import dataclass

from pycaffe_geo.geometry.planar import Origin, pixel_se2, pixel_se2_backward
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class PerPixelSE2Param:
    """`origin`: what pixels turn about: the centre of the top-left pixel, or of the image (`center`)."""

    origin: Origin = "top_left"


@register
class PerPixelSE2(Layer):
    """A rigid motion of the plane for each pixel (x, y) -> the coordinates R(theta) (x, y) + (tx, ty), for InverseWarping.

    Bottom: (N, 3, H, W) = theta in radians, tx, ty in pixels. Top: coordinates (N, 2, H, W) in pixels, channel 0 = x. R =
    [cos -sin; sin cos] turns x (right) towards y (down). gvnn's NonRigidSE2, which turns in halves of the image about its centre.
    """

    parameters = {"per_pixel_se2_param": PerPixelSE2Param}

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 3, "H", "W")
        top[0].reshape(batch, 2, height, width)

    def forward(self, bottom, top):
        pixel_se2(bottom[0].data, self.per_pixel_se2_param.origin, top[0].data)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            pixel_se2_backward(bottom[0].data, top[0].diff, self.per_pixel_se2_param.origin, bottom[0].diff)
