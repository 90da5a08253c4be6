"""PoseError layer."""

from dataclasses import dataclass

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.metrics.pose import direction_error, fit_scale, rotation_error, translation_error


@dataclass(frozen=True)
class PoseErrorParam:
    """`fit_scale`: the predicted translations of a batch are first multiplied by the one factor that fits best, for nets that do
    not know the scale."""

    fit_scale: bool = False


@register
class PoseError(Layer):
    """Mean errors of predicted motions, for the TEST phase; no gradient.

    Bottoms: prediction and truth, transforms (N,1,4,4). Tops (1 to 3, each of shape ()): rotation error in degrees, translation
    error in metres, angle between the translations in degrees. See metrics/pose.py.
    """

    bottoms = (2, 2)
    tops = (1, 3)
    on_host = True
    parameters = {"pose_error_param": PoseErrorParam}
    no_gradient = (0, 1)

    def reshape(self, bottom, top):
        n = self.expect(bottom[0], "N", 1, 4, 4)[0]
        self.expect(bottom[1], n, 1, 4, 4)
        for blob in top:
            blob.reshape()

    def forward(self, bottom, top):
        predicted, truth = (asnumpy(b.data).reshape(-1, 4, 4).astype(float) for b in bottom)
        if self.pose_error_param.fit_scale:
            predicted = fit_scale(predicted, truth)
        for blob, error in zip(top, (rotation_error, translation_error, direction_error)):
            blob.data[...] = error(predicted, truth).mean()
