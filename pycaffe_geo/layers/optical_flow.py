"""OpticalFlow layer."""

from pycaffe_geo.geometry.grid import pixel_grid
from pycaffe_geo.layer import Layer, register


@register
class OpticalFlow(Layer):
    """Flow -> coordinates: each pixel's own position plus its flow, for InverseWarping.

    Bottom: flow (N, 2, H, W) in pixels, channel 0 to the right, 1 down. Top: coordinates (N, 2, H, W), channel 0 = x; their
    validity is InverseWarping's second top. PinholeProjection's tops are related the same way.
    """

    views = "diff"
    uses_bottom = False

    def reshape(self, bottom, top):
        top[0].reshape(*self.expect(bottom[0], "N", 2, "H", "W"))

    def forward(self, bottom, top):
        flow = bottom[0].data
        self.xp.add(flow, pixel_grid(*flow.shape[2:], flow), out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.pass_on(top[0].diff, bottom[0].diff)
