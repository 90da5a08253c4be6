"""MultinomialLogisticLoss layer."""

import numpy as np

from pycaffe_geo.families.label_loss import LabelLoss
from pycaffe_geo.layer import register

SMALLEST = float(np.float32(1e-20))  # Caffe's floor under a probability before its logarithm


@register
class MultinomialLogisticLoss(LabelLoss):
    """Mean of -log p[label] (Caffe's MultinomialLogisticLoss); SoftmaxWithLoss is the better choice where p is a softmax.

    Bottoms: probabilities p (N, D), or (N, ...) with D in all; labels 0..D-1 (N); optional weights (N). A probability below 1e-20
    counts as 1e-20, and its gradient is the one at 1e-20, as in Caffe: it still learns.
    """

    bottoms = (2, 3)
    normalization = "BATCH_SIZE"

    def reshape(self, bottom, top):
        self.fit_labels(bottom[0], bottom[1:])
        top[0].reshape()

    def forward(self, bottom, top):
        self.read_labels(*bottom[1:])
        self.likely = self.xp.maximum(bottom[0].data.reshape(self.shape)[self.chosen], SMALLEST)
        top[0].data[...] = (self.xp.log(self.likely) * self.weight.data).sum() * -self.factor

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            dx = bottom[0].diff.reshape(self.shape)
            dx[...] = 0
            dx[self.chosen] = self.weight.data / self.likely * (top[0].diff * -self.factor)
