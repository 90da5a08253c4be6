"""SigmoidCrossEntropyLoss layer."""

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.families.loss import Loss
from pycaffe_geo.layer import register


@register
class SigmoidCrossEntropyLoss(Loss):
    """Sum of -t log p - (1 - t) log(1 - p), p = sigmoid(x), over the batch size (Caffe's SigmoidCrossEntropyLoss).

    Bottoms: scores x (N, ...); targets t, as many, 0..1; optional weights, (N, 1, H, W) or x's shape. A target that is
    `ignore_label` weighs 0; an element of weight 0 counts nothing, whatever its values. Computed as
    max(x, 0) - x t + log(1 + exp(-|x|)), which cannot overflow.
    """

    bottoms = (2, 3)
    no_gradient = (1, 2)
    normalization = "BATCH_SIZE"

    def setup(self, bottom, top):
        self.score, self.target, self.weight = (Blob((), self.dtype, self.device) for _ in range(3))
        self.weighted = len(bottom) == 3 or self.loss_param.ignore_label is not None

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        if not shape or bottom[1].count != bottom[0].count:
            raise ShapeError(f"{self.where}: bottom '{bottom[1].name}' is {bottom[1].shape}, expected {shape or '(N, ...)'}")
        for blob in bottom[2:]:
            self.expect_weights(blob, shape)
        for blob in (self.score, self.target, self.weight):
            blob.reshape(*shape)
        top[0].reshape()

    def forward(self, bottom, top):
        xp, x, t, small = self.xp, self.score.data, self.target.data, self.score.diff
        x[...] = bottom[0].data
        t[...] = bottom[1].data.reshape(t.shape)
        valid = self._read_weights(bottom) if self.weighted else x.size
        self.factor = 1 / self.divisor(x.size, len(x), valid)
        xp.abs(x, out=small)
        xp.negative(small, out=small)
        xp.exp(small, out=small)
        losses = xp.maximum(x, 0) - x * t + xp.log1p(small)
        top[0].data[...] = (xp.vdot(losses, self.weight.data) if self.weighted else losses.sum()) * self.factor

    def backward(self, top, propagate_down, bottom):
        if not propagate_down[0]:
            return
        xp, small, dx = self.xp, self.score.diff, bottom[0].diff
        dx[...] = xp.where(self.score.data < 0, small, 1)
        dx /= small + 1
        dx -= self.target.data
        dx *= top[0].diff * self.factor
        if self.weighted:
            dx *= self.weight.data

    def _read_weights(self, bottom):
        """Take the weights, clear what weighs nothing, and return the sum of the weights."""
        xp, w = self.xp, self.weight.data
        w[...] = bottom[2].data if len(bottom) == 3 else 1
        if self.loss_param.ignore_label is not None:
            xp.copyto(w, 0, where=self.target.data == self.loss_param.ignore_label)
        for values in (self.score.data, self.target.data):
            xp.copyto(values, 0, where=w == 0)
        valid = w.sum()
        self.warn_if_empty(valid, bottom[-1])
        return valid
