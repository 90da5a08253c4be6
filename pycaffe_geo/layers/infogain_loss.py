"""InfogainLoss layer."""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.blob import Blob
from pycaffe_geo.caffemodel import read_blob_proto
from pycaffe_geo.errors import DataError, ShapeError, SpecError
from pycaffe_geo.families.label_loss import LabelLoss
from pycaffe_geo.families.loss import LossParam
from pycaffe_geo.families.sources import beside, net_file
from pycaffe_geo.layer import register
from pycaffe_geo.ops.softmax import softmax

SMALLEST = float(np.float32(1e-20))  # Caffe's floor under a probability before its logarithm


@dataclass(frozen=True)
class InfogainLossParam:
    """`source`: a .binaryproto file with H (1, 1, D, D), where H is no bottom. `axis`: where the classes are."""

    source: str = ""
    axis: int = 1


@register
class InfogainLoss(LabelLoss):
    """Mean of -sum over classes k of H[label, k] log softmax(x)[k] (Caffe's InfogainLoss); H = identity gives SoftmaxWithLoss.

    Bottoms: x, with the D classes on `axis`; labels 0..D-1, one for each element of the other axes; H (1, 1, D, D) or (D, D),
    unless it comes from `source`, which is looked for from the current directory and beside the network file. An element whose
    label is `ignore_label` weighs 0. Tops: the loss; optionally the probabilities, in x's shape.
    H gets no gradient (real Caffe stops there under force_backward). A file that is missing, no .binaryproto, not finite or not
    (D, D) raises DataError; a bottom of another shape ShapeError.
    """

    bottoms = (2, 3)
    tops = (1, 2)
    parameters = {"loss_param": LossParam, "infogain_loss_param": InfogainLossParam}

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.probability = Blob((), self.dtype, self.device)
        self.gain = None if len(bottom) == 3 else self._read_gain()

    def reshape(self, bottom, top):
        self.fit_labels(bottom[0], bottom[1:2], self.infogain_loss_param.axis)
        classes, gain = self.shape[1], self.gain or bottom[2]
        if gain.count != classes**2 or gain.shape[-2:] != (classes, classes):
            kind, what = (DataError, "H in") if self.gain else (ShapeError, "bottom")
            raise kind(f"{self.where}: {what} '{gain.name}' is {gain.shape}, expected (1, 1, {classes}, {classes}): "
                       f"'{bottom[0].name}' {bottom[0].shape} has {classes} classes")
        self.probability.reshape(*self.shape)
        top[0].reshape()
        for blob in top[1:]:
            blob.reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        xp, probability, classes = self.xp, self.probability.data, self.shape[1]
        softmax(xp, bottom[0].data.reshape(self.shape), probability)
        self.read_labels(bottom[1])
        gain = (self.gain or bottom[2]).data.reshape(classes, classes)
        self.rows = gain[self.label.data] * self.weight.data[..., None]
        logs = xp.log(xp.maximum(probability, SMALLEST))
        top[0].data[...] = xp.einsum("oki,oik->", logs, self.rows) * -self.factor
        for blob in top[1:]:
            blob.data[...] = probability.reshape(blob.shape)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            dx = bottom[0].diff.reshape(self.shape)
            self.xp.multiply(self.probability.data, self.rows.sum(axis=2)[:, None], out=dx)
            dx -= self.rows.transpose(0, 2, 1)
            dx *= top[0].diff * self.factor

    def _read_gain(self):
        """Return a Blob with the H of `source`."""
        source = self.infogain_loss_param.source
        if not source:
            raise SpecError(f"{self.where}: no H, expected a third bottom or infogain_loss_param.source, a .binaryproto file")
        try:
            values = read_blob_proto(beside(source, net_file(self)))
        except DataError as e:
            raise DataError(f"{self.where}: {e}") from e
        if not np.isfinite(values).all():
            raise DataError(f"{self.where}: H in '{source}' has values that are not finite")
        gain = Blob(values.shape, self.dtype, self.device, source)
        gain.data[...] = self.device.asarray(values.astype(self.dtype))
        return gain
