"""ContrastiveLoss layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.families.loss import Loss
from pycaffe_geo.layer import register

SMALL_DISTANCE = 1e-4  # Caffe adds it to the distance that the gradient is divided by


@dataclass(frozen=True)
class ContrastiveLossParam:
    """`margin`: the distance that pairs which are not alike should have. `legacy_version`: of the squared distance."""

    margin: float = 1.0
    legacy_version: bool = False


@register
class ContrastiveLoss(Loss):
    """Pulls pairs that are alike together and pushes the others apart (Hadsell, Chopra and LeCun 2006; Caffe's ContrastiveLoss):

        sum over pairs of  d^2 where alike, max(margin - d, 0)^2 where not  / (2 N),   d = |a - b|

    `legacy_version` has max(margin - d^2, 0) for the pairs that are not alike. Bottoms: a, b (N, ...) of one shape; alike (N), a
    number whose whole part is 0 where the pair is not. As in Caffe, the gradient of a pair that is not alike is divided by
    d + 1e-4 where it would be d: it is smaller than the exact one by a part 1e-4 / d, and 0 at d = 0.
    """

    bottoms = (3, 3)
    parameters = {**Loss.parameters, "contrastive_loss_param": ContrastiveLossParam}
    no_gradient = (2,)
    normalization = "BATCH_SIZE"

    def setup(self, bottom, top):
        self.refuse_ignore_label("every pair counts")
        self.difference = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        shape = self.expect(bottom[0], "N", ...)
        self.expect(bottom[1], *shape)
        if bottom[2].count != shape[0]:
            raise ShapeError(f"{self.where}: bottom '{bottom[2].name}' is {bottom[2].shape}, expected ({shape[0]},): "
                             f"one value for each pair of '{bottom[0].name}' {shape}")
        self.difference.reshape(shape[0], math.prod(shape[1:]))
        top[0].reshape()

    def forward(self, bottom, top):
        xp, p, difference = self.xp, self.contrastive_loss_param, self.difference.data
        xp.subtract(bottom[0].data.reshape(difference.shape), bottom[1].data.reshape(difference.shape), out=difference)
        alike = xp.trunc(bottom[2].data.reshape(-1)) != 0
        square = xp.einsum("nc,nc->n", difference, difference)
        if p.legacy_version:
            apart = xp.maximum(p.margin - square, 0)
            slope = -xp.sign(apart)
        else:
            distance = xp.sqrt(square)
            missing = xp.maximum(p.margin - distance, 0)
            apart = missing**2
            slope = -missing / (distance + SMALL_DISTANCE)
        self.slope = xp.where(alike, 1, slope)[:, None]
        pairs = len(difference)
        self.factor = 1 / self.divisor(pairs, pairs, pairs)
        top[0].data[...] = xp.where(alike, square, apart).sum() * (0.5 * self.factor)

    def backward(self, top, propagate_down, bottom):
        for i, sign in ((0, 1), (1, -1)):
            if propagate_down[i]:
                slope = self.slope * (top[0].diff * (sign * self.factor))
                self.xp.multiply(self.difference.data, slope, out=bottom[i].diff.reshape(self.difference.shape))
