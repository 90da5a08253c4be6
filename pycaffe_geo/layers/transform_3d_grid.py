"""Transform3DGrid layer."""

from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.camera import camera_functions


@register(aliases=("GeoTransform",))
class Transform3DGrid(Layer):
    """The points R (d K^-1 (u, v, 1)) + t of every pixel (u, v) with depth d: the depth image's points, moved by a transform.

    Bottoms: depth (N, 1, H, W) in metres along z; transform (N, 1, 4, 4) = [R t; 0 1]; intrinsics (N, 4, 1, 1) = fx, fy, cx, cy
    in pixels. Top: points (N, 3, H, W) in metres, x right, y down, z forward. Gradients to all three bottoms. A pixel without
    depth (d = 0) has no point: it is 0, which PinholeProjection calls invalid, and gives no gradient.
    Depth-VO-Feat's GeoTransform.
    """

    bottoms = (3, 3)

    def setup(self, bottom, top):
        self.camera = camera_functions(self.device, self.dtype)

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 1, "H", "W")
        self.expect(bottom[1], batch, 1, 4, 4)
        self.expect(bottom[2], batch, 4, 1, 1)
        top[0].reshape(batch, 3, height, width)

    def forward(self, bottom, top):
        self.camera.transform_grid(*(b.data for b in bottom), out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        diffs = (b.diff if wanted else None for b, wanted in zip(bottom, propagate_down))
        self.camera.transform_grid_backward(*(b.data for b in bottom), top[0].diff, *diffs)
