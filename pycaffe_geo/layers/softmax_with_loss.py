"""SoftmaxWithLoss layer."""

import numpy as np

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.label_loss import LabelLoss
from pycaffe_geo.families.loss import LossParam
from pycaffe_geo.layer import register
from pycaffe_geo.layers.softmax import SoftmaxParam
from pycaffe_geo.ops.softmax import softmax

SMALLEST = float(np.finfo(np.float32).tiny)  # Caffe's floor under a probability before its logarithm, in double too


@register
class SoftmaxWithLoss(LabelLoss):
    """Mean of -log softmax(x)[label] (Caffe's SoftmaxWithLoss).

    Bottoms: x, with the classes on `axis`; labels 0..D-1, one for each element of the other axes; optional weights, as many.
    An element whose label is `ignore_label` weighs 0. Tops: the loss; optionally the probabilities, in x's shape.
    """

    bottoms = (2, 3)
    tops = (1, 2)
    parameters = {"loss_param": LossParam, "softmax_param": SoftmaxParam}

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.probability = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        self.fit_labels(bottom[0], bottom[1:], self.softmax_param.axis)
        self.probability.reshape(*self.shape)
        top[0].reshape()
        for blob in top[1:]:
            blob.reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        xp, probability = self.xp, self.probability.data
        softmax(xp, bottom[0].data.reshape(self.shape), probability)
        self.read_labels(*bottom[1:])
        losses = xp.log(xp.maximum(probability[self.chosen], SMALLEST)) * self.weight.data
        top[0].data[...] = losses.sum() * -self.factor
        for blob in top[1:]:
            blob.data[...] = probability.reshape(blob.shape)

    def backward(self, top, propagate_down, bottom):
        if not propagate_down[0]:
            return
        weight = self.weight.data * (top[0].diff * self.factor)
        dx = bottom[0].diff.reshape(self.shape)
        self.xp.multiply(self.probability.data, weight[:, None], out=dx)
        dx[self.chosen] -= weight
