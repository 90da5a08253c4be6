"""PinholeProjection layer."""

from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.geometry.camera import MIN_DEPTH
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.camera import camera_functions


@dataclass(frozen=True)
class PinholeProjectionParam:
    """Points with Z <= `min_depth` (metres) are invalid."""

    min_depth: float = MIN_DEPTH

    def __post_init__(self):
        if self.min_depth <= 0:
            raise ValueError(f"min_depth is {self.min_depth}, expected more than 0")


@register(aliases=("PinHole",))
class PinholeProjection(Layer):
    """Points (X, Y, Z) -> pixels (fx X / Z + cx, fy Y / Z + cy).

    Bottoms: points (N, 3, H, W) in metres, z forward; intrinsics (N, 4, 1, 1) = fx, fy, cx, cy in pixels. Tops, the last two
    optional: flow (N, 2, H, W) = coordinates - pixel grid; coordinates (N, 2, H, W), channel 0 = x; validity (N, 1, H, W),
    1 where the point is before the camera and falls into the image, else 0. Gradients to both bottoms.
    An invalid point (Z <= min_depth) has coordinates -2 and gradient 0. Depth-VO-Feat's PinHole.
    """

    bottoms = (2, 2)
    tops = (1, 3)
    parameters = {"pinhole_projection_param": PinholeProjectionParam}

    def setup(self, bottom, top):
        self.camera = camera_functions(self.device, self.dtype)
        self.unwanted = [Blob((), self.dtype, self.device) for _ in range(3 - len(top))]

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 3, "H", "W")
        self.expect(bottom[1], batch, 4, 1, 1)
        for blob, channels in zip((*top, *self.unwanted), (2, 2, 1)):
            blob.reshape(batch, channels, height, width)

    def forward(self, bottom, top):
        points, intrinsics = (b.data for b in bottom)
        results = (b.data for b in (*top, *self.unwanted))
        self.camera.pinhole(points, intrinsics, self.pinhole_projection_param.min_depth, *results)

    def backward(self, top, propagate_down, bottom):
        points, intrinsics = (b.data for b in bottom)
        slopes = [t.diff for t in top[:2] if not t.diff_untouched] or [top[0].diff]  # whose sum counts
        dpixels, more = slopes if len(slopes) == 2 else (*slopes, 0)
        dpoints, dintrinsics = (b.diff if wanted else None for b, wanted in zip(bottom, propagate_down))
        min_depth = self.pinhole_projection_param.min_depth
        self.camera.pinhole_backward(points, intrinsics, dpixels, more, min_depth, dpoints, dintrinsics)
