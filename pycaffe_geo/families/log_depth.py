"""What losses of log-depth share: which pixels count, and the difference to the target."""

import math
from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.families.loss import Loss


@dataclass(frozen=True)
class LogDepthParam:
    """`input: log` where the prediction is log-depth; else a predicted depth below `eps` counts as `eps`, with gradient 0."""

    eps: float = 1e-6
    input: Literal["depth", "log"] = "depth"

    def __post_init__(self):
        if self.eps <= 0:
            raise ValueError(f"eps is {self.eps}, expected more than 0")


class LogDepthLoss(Loss):
    """A loss of d = log prediction - log target.

    Bottoms: prediction (N, ...), in metres or log-metres; target of that shape, in metres, valid where > 0; optional weights w
    (1 without), 0 where invalid. A subclass sets `self.param`, its LogDepthParam, in setup.
    """

    bottoms = (2, 3)
    no_gradient = (1, 2)

    def setup(self, bottom, top):
        self.work = Blob((), self.dtype, self.device)  # data: d, 0 where invalid; diff: scratch
        self.weight = Blob((), self.dtype, self.device)  # data: w, 0 where invalid

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

    def compare(self, bottom):
        """Set `work.data` = d, `weight.data` = w, `counts` (sum of w of each image, 1 where that is 0) and `images` (how many
        have any)."""
        xp, d, w, scratch, target = self.xp, self.work.data, self.weight.data, self.work.diff, bottom[1].data
        xp.multiply(target > 0, bottom[2].data if len(bottom) == 3 else 1, out=w)
        invalid = w == 0
        self._log(bottom[0].data, d)
        xp.copyto(scratch, target)
        xp.copyto(scratch, 1, where=invalid)
        xp.log(scratch, out=scratch)
        d -= scratch
        xp.copyto(d, 0, where=invalid)
        counts = w.reshape(len(w), math.prod(w.shape[1:])).sum(axis=1)
        self.warn_if_empty(counts, bottom[-1])
        self.images = xp.maximum((counts > 0).sum(), 1).astype(self.dtype)
        self.counts = xp.where(counts > 0, counts, 1)

    def through_log(self, prediction, dx):
        """Turn `dx`, the gradient to log-depth, into that to the prediction."""
        if self.param.input == "depth":
            dx /= self.xp.maximum(prediction, self.param.eps, out=self.work.diff)
            self.xp.copyto(dx, 0, where=~(prediction > self.param.eps))

    def _log(self, prediction, out):
        if self.param.input == "log":
            self.xp.copyto(out, prediction)
        else:
            self.xp.maximum(prediction, self.param.eps, out=out)
            self.xp.log(out, out=out)
