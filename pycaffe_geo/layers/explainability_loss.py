"""ExplainabilityLoss layer."""

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.loss import Loss
from pycaffe_geo.layer import register


@register
class ExplainabilityLoss(Loss):
    """SfMLearner's regularisation of its explainability mask: mean over pixels of -log(softmax of the logits)[1].

    Bottom: logits (N, 2, H, W), channel 1 = "the warped image explains this pixel". Without it a mask that weighs the
    photometric error goes to 0 everywhere. Unless `normalization` says another, the divisor is N H W. Safe for large logits.
    """

    normalization = "FULL"

    def setup(self, bottom, top):
        self.refuse_ignore_label("every pixel counts")
        self.slope = Blob((), self.dtype, self.device)  # (N, H, W): the probability of channel 0; diff: scratch

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 2, "H", "W")
        self.slope.reshape(batch, height, width)
        top[0].reshape()

    def forward(self, bottom, top):
        xp, logits, work, small = self.xp, bottom[0].data, self.slope.data, self.slope.diff
        margin = xp.subtract(logits[:, 0], logits[:, 1], out=work)
        xp.abs(margin, out=small)
        xp.negative(small, out=small)
        xp.exp(small, out=small)
        total = xp.maximum(margin, 0).sum() + xp.log1p(small).sum()  # log(1 + exp(margin))
        self.factor = 1 / self.divisor(margin.size, len(margin), margin.size)
        top[0].data[...] = total * self.factor
        xp.divide(xp.where(margin > 0, 1, small), 1 + small, out=work)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            diff = bottom[0].diff
            self.xp.multiply(self.slope.data, top[0].diff * self.factor, out=diff[:, 0])
            self.xp.negative(diff[:, 0], out=diff[:, 1])
