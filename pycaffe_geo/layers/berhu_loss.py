"""BerHuLoss layer."""

from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.loss import Loss
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class BerHuLossParam:
    """`share`: c is this share of the batch's largest |d|. `c`: a fixed c instead, in the unit of the target."""

    share: float = 0.2
    c: float | None = None

    def __post_init__(self):
        for name in ("share", "c"):
            value = getattr(self, name)
            if value is not None and value <= 0:
                raise ValueError(f"{name} is {value}, expected more than 0")


@register
class BerHuLoss(Loss):
    """The reverse Huber loss of Laina et al. (2016): |d| where |d| <= c, else (d^2 + c^2) / (2 c), with d = prediction - target.

    Bottoms: prediction (N, ...); target of that shape, valid where > 0 (metres); optional weights w (1 without), 0 where
    invalid. The sum of w times the cost over the sum of w, unless `normalization` says another divisor. c = 0.2 max |d| over all
    that is valid in the batch. The gradient takes c as a constant: it is that of the loss for a fixed c.
    Where d = 0 it is 0, a subgradient.
    """

    bottoms = (2, 3)
    parameters = {**Loss.parameters, "berhu_loss_param": BerHuLossParam}
    no_gradient = (1, 2)

    def setup(self, bottom, top):
        self.refuse_ignore_label("a target of 0 is skipped")
        self.work = Blob((), self.dtype, self.device)  # data: d; diff: w times the slope
        self.weight = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        self.expect(bottom[1], *shape)
        for blob in bottom[2:]:
            self.expect_weights(blob, shape)
        for blob in (self.work, self.weight):
            blob.reshape(*shape)
        top[0].reshape()

    def forward(self, bottom, top):
        xp, d, slope, w = self.xp, self.work.data, self.work.diff, self.weight.data
        xp.multiply(bottom[1].data > 0, bottom[2].data if len(bottom) == 3 else 1, out=w)
        valid = w.sum()
        self.warn_if_empty(valid, bottom[-1])
        xp.subtract(bottom[0].data, bottom[1].data, out=d)
        xp.copyto(d, 0, where=w == 0)
        size = xp.abs(d)
        c = self._scale(size)
        cost = xp.where(size <= c, size, (size**2 + c**2) / (2 * c))
        xp.sign(d, out=slope)
        slope *= xp.maximum(size / c, 1)
        slope *= w
        self.factor = 1 / self.divisor(d.size, bottom[0].num, valid)
        top[0].data[...] = xp.vdot(w, cost) * self.factor

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.xp.multiply(self.work.diff, top[0].diff * self.factor, out=bottom[0].diff)

    def _scale(self, size):
        """Return c, which is never 0, for `size` = |d|."""
        p = self.berhu_loss_param
        if p.c is not None or not size.size:
            return p.c or 1.0
        c = p.share * size.max()
        return c + (c == 0)
