"""SoftmaxWithLoss layer."""

import numpy as np

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.families.loss import Loss, LossParam, check_labels
from pycaffe_geo.layer import register
from pycaffe_geo.layers.softmax import SoftmaxParam
from pycaffe_geo.ops.softmax import fold_axis, softmax

SMALLEST = float(np.finfo(np.float32).tiny)  # Caffe's floor under a probability before its logarithm, in double too


@register
class SoftmaxWithLoss(Loss):
    """Mean of -log softmax(x)[label] (Caffe's SoftmaxWithLoss).

    Bottoms: x, with the classes on `axis`; labels 0..D-1, one for each element of the other axes; optional weights, as many.
    An element whose label is `ignore_label` weighs 0. Tops: the loss; optionally the probabilities, in x's shape.
    """

    bottoms = (2, 3)
    tops = (1, 2)
    parameters = {"loss_param": LossParam, "softmax_param": SoftmaxParam}
    no_gradient = (1, 2)

    def setup(self, bottom, top):
        self.probability = Blob((), self.dtype, self.device)
        self.label = Blob((), np.intp, self.device)
        self.weight = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        axis = self.canonical_axis(self.softmax_param.axis, bottom[0])
        self.shape = outer, _, inner = fold_axis(shape, axis)
        for blob in bottom[1:]:
            if blob.count != outer * inner:
                raise ShapeError(
                    f"{self.where}: bottom '{blob.name}' is {blob.shape}, expected {shape[:axis] + shape[axis + 1:]}: "
                    f"one value for each element of '{bottom[0].name}' {shape} without axis {axis}"
                )
        self.probability.reshape(*self.shape)
        self.label.reshape(outer, inner)
        self.weight.reshape(outer, inner)
        self.chosen = self.xp.arange(outer)[:, None], self.label.data, self.xp.arange(inner)[None]
        top[0].reshape()
        for blob in top[1:]:
            blob.reshape(*shape)

    def forward(self, bottom, top):
        xp, probability, weight = self.xp, self.probability.data, self.weight.data
        softmax(xp, bottom[0].data.reshape(self.shape), probability)
        label = bottom[1].data.reshape(weight.shape)
        weight[...] = bottom[2].data.reshape(weight.shape) if len(bottom) == 3 else 1
        if self.loss_param.ignore_label is not None:
            xp.copyto(weight, 0, where=label == self.loss_param.ignore_label)
        if self.looks_now():
            check_labels(self, label, weight != 0, self.shape[1])
        self.label.data[...] = xp.where(weight == 0, 0, label)
        valid = weight.sum()
        self.warn_if_empty(valid, bottom[-1])
        self.factor = 1 / self.divisor(weight.size, self.shape[0], valid)
        losses = xp.log(xp.maximum(probability[self.chosen], SMALLEST)) * weight
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
