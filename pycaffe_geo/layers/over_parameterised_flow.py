"""OverParameterisedFlow layer."""

from dataclasses import dataclass

from pycaffe_geo.geometry.planar import Origin, pixel_affine, pixel_affine_backward
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class OverParameterisedFlowParam:
    """`origin`: where x and y are measured from: the centre of the top-left pixel, or of the image (`center`).

    `around_identity`: the numbers are differences from the identity, so that a layer above that starts at 0 starts there.
    """

    origin: Origin = "top_left"
    around_identity: bool = False


@register(aliases=("OverParameterizedFlow",))
class OverParameterisedFlow(Layer):
    """Six numbers for each pixel (x, y) -> the coordinates (a0 x + a1 y + a2, a3 x + a4 y + a5), for InverseWarping.

    Bottom: (N, 6, H, W) = a0 .. a5. Top: coordinates (N, 2, H, W) in pixels, channel 0 = x. Each pixel has an affine motion of
    its own (Nir, Bruckstein and Kimmel, "Over-parameterized variational optical flow", 2008; gvnn). gvnn measures x and y from
    the image's centre in halves of the image; here they are pixels.
    """

    parameters = {"over_parameterised_flow_param": OverParameterisedFlowParam}
    uses_bottom = False

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 6, "H", "W")
        top[0].reshape(batch, 2, height, width)

    def forward(self, bottom, top):
        p = self.over_parameterised_flow_param
        pixel_affine(bottom[0].data, p.origin, top[0].data, p.around_identity)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            pixel_affine_backward(top[0].diff, self.over_parameterised_flow_param.origin, bottom[0].diff)
