"""What the layers share that move every point of an image by its own few numbers."""

from pycaffe_geo.geometry import per_pixel
from pycaffe_geo.layer import Layer


class PerPixelMotion(Layer):
    """Points (N, 3, H, W), numbers (N, `size`, H, W) -> moved points; `translation` as geometry/per_pixel.py has it."""

    bottoms = (2, 2)
    size = 0
    translation = "direct"

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 3, "H", "W")
        self.expect(bottom[1], batch, self.size, height, width)
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = per_pixel.move(bottom[1].data, bottom[0].data, self.translation)

    def backward(self, top, propagate_down, bottom):
        points, twist = (b.data for b in bottom)
        d_points, d_twist = (b.diff if wanted else None for b, wanted in zip(bottom, propagate_down))
        per_pixel.move_backward(twist, points, top[0].diff, self.translation, d_twist, d_points)
