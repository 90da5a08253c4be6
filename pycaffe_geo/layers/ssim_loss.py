"""SSIMLoss layer."""

from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.loss import Loss
from pycaffe_geo.layer import register
from pycaffe_geo.layers.photometric_error import PhotometricErrorParam
from pycaffe_geo.ops.photometric import plan_photometric_error


@dataclass(frozen=True)
class SSIMLossParam(PhotometricErrorParam):
    """As PhotometricError's, but SSIM alone by default; Godard's mix is `alpha: 0.85`."""

    alpha: float = 1.0


@register
class SSIMLoss(Loss):
    """Mean of w times the map of PhotometricError: by default (1 - SSIM) / 2 of 3 x 3 windows with mirrored borders.

    Bottoms: images a, b (N, C, H, W); optional weights w (N, 1, H, W) without gradient. Unless `normalization` says VALID (the
    sum of w) or another, the divisor is N H W, whatever w is. Images must be finite under a weight of 0 too: windows overlap.
    """

    bottoms = (2, 3)
    parameters = {**Loss.parameters, "ssim_loss_param": SSIMLossParam}
    no_gradient = (2,)
    normalization = "FULL"

    def setup(self, bottom, top):
        self.refuse_ignore_label("give a third bottom, 0 where to skip")
        p = self.ssim_loss_param
        self.error = plan_photometric_error(p.alpha, p.range, self.device, self.dtype)
        self.map = Blob((), self.dtype, self.device)  # data: the error; diff: the gradient to it

    def reshape(self, bottom, top):
        batch, _, height, width = shape = self.expect(bottom[0], "N", "C", "H", "W")
        self.expect(bottom[1], *shape)
        for blob in bottom[2:]:
            self.expect(blob, batch, 1, height, width)
        self.error.reshape(shape)
        self.map.reshape(batch, 1, height, width)
        top[0].reshape()

    def forward(self, bottom, top):
        error = self.map.data
        self.error.forward(bottom[0].data, bottom[1].data, error)
        valid = error.size
        if len(bottom) == 3:
            valid = bottom[2].data.sum()
            self.warn_if_empty(valid, bottom[2])
            error *= bottom[2].data
        self.factor = 1 / self.divisor(error.size, len(error), valid)
        top[0].data[...] = error.sum() * self.factor

    def backward(self, top, propagate_down, bottom):
        slope = self.map.diff
        slope[...] = bottom[2].data if len(bottom) == 3 else 1
        slope *= top[0].diff * self.factor
        diffs = (blob.diff if wanted else None for blob, wanted in zip(bottom[:2], propagate_down))
        self.error.backward(bottom[0].data, bottom[1].data, slope, *diffs)
