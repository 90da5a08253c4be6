"""EigenLoss layer."""

import math
from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.families.loss import Loss
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class EigenLossParam:
    """`lambda`: how much of a common scale error is forgiven (1: all). `input: log` where the prediction is log-depth."""

    lambda_: float = 0.5
    eps: float = 1e-6
    input: Literal["depth", "log"] = "depth"

    def __post_init__(self):
        if self.eps <= 0:
            raise ValueError(f"eps is {self.eps}, expected more than 0")


@register
class EigenLoss(Loss):
    """Scale-invariant error of depth (Eigen, Puhrsch and Fergus 2014), d = log prediction - log target:

        mean over images of  sum(w d^2) / n - lambda (sum(w d) / n)^2,   n = sum(w) of an image; images with n = 0 do not count.

    Bottoms: prediction (N, ...), in metres or log-metres; target of that shape, in metres, valid where > 0; optional weights w
    (1 without), 0 where invalid. A predicted depth below `eps` counts as `eps`, with gradient 0.
    """

    bottoms = (2, 3)
    parameters = {"eigen_loss_param": EigenLossParam}
    no_gradient = (1, 2)

    def setup(self, bottom, top):
        self.work = Blob((), self.dtype, self.device)  # data: d; diff: scratch
        self.weight = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        if len(shape) < 2:
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, expected (N, ...)")
        self.expect(bottom[1], *shape)
        for blob in bottom[2:]:
            self.expect_weights(blob, shape)
        for blob in (self.work, self.weight):
            blob.reshape(*shape)
        top[0].reshape()

    def forward(self, bottom, top):
        xp, p, d, w, scratch = self.xp, self.eigen_loss_param, self.work.data, self.weight.data, self.work.diff
        target = bottom[1].data
        xp.multiply(target > 0, bottom[2].data if len(bottom) == 3 else 1, out=w)
        invalid = w == 0
        self._log(bottom[0].data, d)
        xp.copyto(scratch, target)
        xp.copyto(scratch, 1, where=invalid)
        xp.log(scratch, out=scratch)
        d -= scratch
        xp.copyto(d, 0, where=invalid)
        xp.multiply(w, d, out=scratch)

        flat = (len(d), math.prod(d.shape[1:]))
        counts = w.reshape(flat).sum(axis=1)
        self.warn_if_empty(counts, bottom[-1])
        self.images = xp.maximum((counts > 0).sum(), 1).astype(self.dtype)
        self.counts = xp.where(counts > 0, counts, 1)
        self.means = scratch.reshape(flat).sum(axis=1) / self.counts
        squares = xp.einsum("ni,ni->n", scratch.reshape(flat), d.reshape(flat)) / self.counts
        top[0].data[...] = (squares - p.lambda_ * self.means**2).sum() / self.images

    def backward(self, top, propagate_down, bottom):
        if not propagate_down[0]:
            return
        xp, p, prediction, dx = self.xp, self.eigen_loss_param, bottom[0].data, bottom[0].diff
        each = (-1,) + (1,) * (dx.ndim - 1)
        xp.subtract(self.work.data, (p.lambda_ * self.means).reshape(each), out=dx)
        dx *= self.weight.data
        dx *= (2 * top[0].diff / (self.images * self.counts)).reshape(each)
        if p.input == "depth":
            dx /= xp.maximum(prediction, p.eps, out=self.work.diff)
            xp.copyto(dx, 0, where=~(prediction > p.eps))

    def _log(self, prediction, out):
        if self.eigen_loss_param.input == "log":
            self.xp.copyto(out, prediction)
        else:
            self.xp.maximum(prediction, self.eigen_loss_param.eps, out=out)
            self.xp.log(out, out=out)
