"""Grid3D layer."""

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.camera import camera_functions


@register
class Grid3D(Layer):
    """The points d K^-1 (u, v, 1) that the pixels (u, v) of a depth image see: Transform3DGrid where nothing moves.

    Bottoms: depth d (N, 1, H, W) in metres along z; intrinsics (N, 4, 1, 1) = fx, fy, cx, cy in pixels. Top: points (N, 3, H, W)
    in metres, x right, y down, z forward. Gradients to both. A pixel without depth (d = 0) gives the point 0, which
    PinholeProjection calls invalid, and no gradient. gvnn's Transform3DPoints_depth.
    """

    bottoms = (2, 2)

    def setup(self, bottom, top):
        self.camera = camera_functions(self.device, self.dtype)
        self.identity = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 1, "H", "W")
        self.expect(bottom[1], batch, 4, 1, 1)
        top[0].reshape(batch, 3, height, width)
        self.identity.reshape(batch, 1, 4, 4)
        self.identity.data[...] = self.xp.eye(4, dtype=self.dtype)

    def forward(self, bottom, top):
        self.camera.transform_grid(bottom[0].data, self.identity.data, bottom[1].data, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        depth, intrinsics = (b.data for b in bottom)
        ddepth, dintrinsics = (b.diff if wanted else None for b, wanted in zip(bottom, propagate_down))
        self.camera.transform_grid_backward(depth, self.identity.data, intrinsics, top[0].diff, ddepth, None, dintrinsics)
