"""InverseWarping layer."""

from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.warping import plan_warping


@register
class InverseWarping(Layer):
    """The image sampled at given pixel coordinates, bilinearly; neighbours outside the image count 0.

    Bottoms: image (N, C, H, W); coordinates (N, 2, H', W') in pixels of that image, channel 0 = x, channel 1 = y. Tops: samples
    (N, C, H', W'); optionally validity (N, 1, H', W'), 1 where 0 <= x <= W - 1 and 0 <= y <= H - 1, else 0.
    Gradients to both bottoms are exact; on an integer coordinate the slope is that of the cell to its right (below it).
    """

    bottoms = (2, 2)
    tops = (1, 2)

    def setup(self, bottom, top):
        self.shapes = None

    def reshape(self, bottom, top):
        batch, channels, _, _ = image = self.expect(bottom[0], "N", "C", "H", "W")
        _, _, height, width = coords = self.expect(bottom[1], batch, 2, "H", "W")
        for blob, depth in zip(top, (channels, 1)):
            blob.reshape(batch, depth, height, width)
        if self.shapes != (image, coords):
            self.shapes = image, coords
            self.warping = plan_warping(image, coords, self.dtype, self.device)

    def forward(self, bottom, top):
        self.warping.forward(bottom[0].data, bottom[1].data, *(t.data for t in top))

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.warping.backward_image(top[0].diff, bottom[0].diff)
        if propagate_down[1]:
            self.warping.backward_coords(top[0].diff, bottom[1].diff)
