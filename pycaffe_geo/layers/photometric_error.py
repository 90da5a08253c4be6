"""PhotometricError layer."""

from dataclasses import dataclass

from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.photometric import plan_photometric_error


@dataclass(frozen=True)
class PhotometricErrorParam:
    """`alpha`: the share of SSIM beside the absolute difference, 0..1. `range`: of the images' values, 255 or 1."""

    alpha: float = 0.85
    range: float = 255.0

    def __post_init__(self):
        if not 0 <= self.alpha <= 1:
            raise ValueError(f"alpha is {self.alpha}, expected 0 to 1")
        if self.range <= 0:
            raise ValueError(f"range is {self.range}, expected more than 0")


@register
class PhotometricError(Layer):
    """How much two images differ: mean over channels of alpha (1 - SSIM) / 2 + (1 - alpha) |a - b| / range (Godard 2017).

    Bottoms: images a, b (N, C, H, W), both with a gradient. Top: (N, 1, H, W), 0 (equal) to 1. SSIM by means over 3 x 3 windows
    with mirrored borders, as ops.photometric says. `alpha: 0` is the absolute difference alone, whose gradient is 0 where a = b.
    A NaN spreads to the pixels around it.
    """

    bottoms = (2, 2)
    parameters = {"photometric_error_param": PhotometricErrorParam}

    def setup(self, bottom, top):
        p = self.photometric_error_param
        self.error = plan_photometric_error(p.alpha, p.range, self.device, self.dtype)

    def reshape(self, bottom, top):
        batch, _, height, width = shape = self.expect(bottom[0], "N", "C", "H", "W")
        self.expect(bottom[1], *shape)
        self.error.reshape(shape)
        top[0].reshape(batch, 1, height, width)

    def forward(self, bottom, top):
        self.error.forward(bottom[0].data, bottom[1].data, top[0].data)

    def backward(self, top, propagate_down, bottom):
        diffs = (blob.diff if wanted else None for blob, wanted in zip(bottom, propagate_down))
        self.error.backward(bottom[0].data, bottom[1].data, top[0].diff, *diffs)
