"""SlantedPlaneDisparity layer."""

from dataclasses import dataclass

from pycaffe_geo.geometry.planar import Origin, origin_axes
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class SlantedPlaneDisparityParam:
    """`origin`: where x and y are measured from: the centre of the top-left pixel, or of the image (`center`)."""

    origin: Origin = "top_left"


@register
class SlantedPlaneDisparity(Layer):
    """A plane for each pixel (x, y) -> its disparity a x + b y + c there, for Disparity1D.

    Bottom: (N, 3, H, W) = a, b (disparity per pixel) and c (pixels). Top: disparity (N, 1, H, W) in pixels. Gradients to all
    three; gvnn's layer of this name, whose backward fails, has none for c.
    """

    parameters = {"slanted_plane_disparity_param": SlantedPlaneDisparityParam}
    uses_bottom = False

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 3, "H", "W")
        top[0].reshape(batch, 1, height, width)

    def forward(self, bottom, top):
        planes, disparity = bottom[0].data, top[0].data[:, 0]
        x, y = self._axes(planes)
        self.xp.multiply(planes[:, 0], x, out=disparity)
        disparity += planes[:, 1] * y
        disparity += planes[:, 2]

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            slope, dplanes = top[0].diff[:, 0], bottom[0].diff
            x, y = self._axes(dplanes)
            self.xp.multiply(slope, x, out=dplanes[:, 0])
            self.xp.multiply(slope, y, out=dplanes[:, 1])
            dplanes[:, 2] = slope

    def _axes(self, planes):
        return origin_axes(*planes.shape[2:], planes, self.slanted_plane_disparity_param.origin)
