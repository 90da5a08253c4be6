"""HingeLoss layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.label_loss import LabelLoss
from pycaffe_geo.families.loss import LossParam
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class HingeLossParam:
    """`norm`: the hinges are summed (L1), or their squares are (L2)."""

    norm: Literal["L1", "L2"] = "L1"


@register
class HingeLoss(LabelLoss):
    """One-against-all hinge (Caffe's HingeLoss): sum over samples and classes of max(0, 1 - s x)^p / N, p = 1 (L1) or 2 (L2);
    s is 1 for the labelled class and -1 for all others.

    Bottoms: scores x (N, D), or (N, ...) with D in all; labels 0..D-1 (N); optional weights (N). On the hinge the gradient is 0.
    """

    bottoms = (2, 3)
    parameters = {"loss_param": LossParam, "hinge_loss_param": HingeLossParam}
    normalization = "BATCH_SIZE"

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.hinge = Blob((), self.dtype, self.device)  # data: max(0, 1 - s x); diff: its part of the loss's slope, by s x

    def reshape(self, bottom, top):
        self.fit_labels(bottom[0], bottom[1:])
        self.hinge.reshape(*self.shape)
        top[0].reshape()

    def forward(self, bottom, top):
        xp, hinge, slope = self.xp, self.hinge.data, self.hinge.diff
        self.read_labels(*bottom[1:])
        hinge[...] = bottom[0].data.reshape(self.shape)
        hinge[self.chosen] *= -1
        hinge += 1
        xp.maximum(hinge, 0, out=hinge)
        if self.hinge_loss_param.norm == "L1":
            xp.sign(hinge, out=slope)
        else:
            slope[...] = hinge
        slope *= self.weight.data[:, None]
        top[0].data[...] = xp.vdot(hinge, slope) * self.factor

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            dx = bottom[0].diff.reshape(self.shape)
            power = 1 if self.hinge_loss_param.norm == "L1" else 2
            self.xp.multiply(self.hinge.diff, top[0].diff * (power * self.factor), out=dx)
            dx[self.chosen] *= -1
