"""LensDistortion layer."""

from dataclasses import astuple, dataclass

from pycaffe_geo.errors import SpecError
from pycaffe_geo.geometry.lens import distort, distort_backward
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class LensDistortionParam:
    """The coefficients, in OpenCV's order: radial `k1`, `k2`, tangential `p1`, `p2`, radial `k3`."""

    k1: float = 0.0
    k2: float = 0.0
    p1: float = 0.0
    p2: float = 0.0
    k3: float = 0.0


@register
class LensDistortion(Layer):
    """Pixels of an ideal pinhole camera -> those of the same camera with its lens (Brown and Conrady; geometry/lens.py).

    Bottoms: coordinates (N, 2, H, W) in pixels, channel 0 = x, such as PinholeProjection's second top; intrinsics (N, 4, 1, 1) =
    fx, fy, cx, cy in pixels; optionally coefficients (N, 5, 1, 1) = k1, k2, p1, p2, k3, which the parameters give otherwise.
    Top: coordinates (N, 2, H, W). Gradients to all bottoms. Sampling a camera's image at the distorted coordinates of a pixel
    grid undistorts it. Coordinates that are -2 (points behind the camera) stay -2, and those beyond the radius where the
    distorted radius stops to grow become -2: unmasked, they would fall back into the image. Their gradient is 0.
    """

    bottoms = (2, 3)
    parameters = {"lens_distortion_param": LensDistortionParam}

    def setup(self, bottom, top):
        param = self.lens_distortion_param
        if len(bottom) == 3 and param != LensDistortionParam():
            raise SpecError(f"{self.where}: has coefficients as parameters and as a bottom, expected one of them")
        self.coefficients = self.xp.asarray([astuple(param)], dtype=self.dtype)

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 2, "H", "W")
        for blob, count in zip(bottom[1:], (4, 5)):
            self.expect(blob, batch, count, 1, 1)
        top[0].reshape(batch, 2, height, width)

    def forward(self, bottom, top):
        distort(*self._inputs(bottom), out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        diffs = (b.diff if wanted else None for b, wanted in zip(bottom, propagate_down))
        distort_backward(*self._inputs(bottom), top[0].diff, *diffs)

    def _inputs(self, bottom):
        return bottom[0].data, bottom[1].data, bottom[2].data if len(bottom) == 3 else self.coefficients
