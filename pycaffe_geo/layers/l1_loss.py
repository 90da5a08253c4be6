"""L1Loss layer."""

import math
from dataclasses import dataclass

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.loss import Loss
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class L1LossParam:
    """FlowNet's L1LossParameter.

    l2_per_location: the length of the difference over the channels at each place, sqrt(sum d^2 + epsilon), instead of |d|;
    l2_prescale_by_channels: of the mean of d^2 instead of the sum. plateau: what is smaller costs nothing and teaches nothing.
    normalize_by_num_entries: divide by the number of valid places instead of the batch size.
    """

    l2_per_location: bool = False
    l2_prescale_by_channels: bool = False
    normalize_by_num_entries: bool = False
    epsilon: float = 1e-2
    plateau: float = 0.0

    def __post_init__(self):
        if self.epsilon <= 0:
            raise ValueError(f"epsilon is {self.epsilon}, expected more than 0")


@register
class L1Loss(Loss):
    """Sum of |d| / N, or with `l2_per_location` of sqrt(sum over channels of d^2 + epsilon) / N (the L1Loss of FlowNet 2.0).

    Bottoms: a, b (N, C, ...) of one shape, d = a - b; or d itself. Where d is NaN (targets without a value) it counts as 0, with
    gradient 0. As in FlowNet, a place whose length is 0 by NaN or plateau still adds the constant sqrt(epsilon). Where d = 0 the
    gradient is 0, a subgradient; the original takes that of d < 0 there.
    """

    bottoms = (1, 2)
    parameters = {**Loss.parameters, "l1_loss_param": L1LossParam}

    def setup(self, bottom, top):
        self.refuse_ignore_label("give targets that are NaN where to skip")
        self.normalization = "VALID" if self.l1_loss_param.normalize_by_num_entries else "BATCH_SIZE"
        self.difference = Blob((), self.dtype, self.device)  # data: d, 0 where it does not count; diff: d loss / d d, by factor

    def reshape(self, bottom, top):
        shape = self.expect(bottom[0], "N", "C", ...)
        for blob in bottom[1:]:
            self.expect(blob, *shape)
        self.difference.reshape(*shape[:2], math.prod(shape[2:]))
        top[0].reshape()

    def forward(self, bottom, top):
        xp, d = self.xp, self.difference.data
        if len(bottom) == 2:
            xp.subtract(bottom[0].data.reshape(d.shape), bottom[1].data.reshape(d.shape), out=d)
        else:
            d[...] = bottom[0].data.reshape(d.shape)
        unknown = xp.isnan(d)
        xp.copyto(d, 0, where=unknown)
        valid = (d.size - unknown.sum()).astype(self.dtype) / d.shape[1]
        self.factor = 1 / self.divisor(d.size, d.shape[0], valid)
        cost = self._lengths(d) if self.l1_loss_param.l2_per_location else self._absolute(d)
        top[0].data[...] = cost * self.factor

    def backward(self, top, propagate_down, bottom):
        factor = top[0].diff * self.factor
        for i, sign in enumerate((1, -1)[:len(bottom)]):
            if propagate_down[i]:
                self.xp.multiply(self.difference.diff.reshape(bottom[i].shape), sign * factor, out=bottom[i].diff)

    def _absolute(self, d):
        """Return the sum of |d| and keep its slope."""
        slope = self.difference.diff
        self.xp.copyto(d, 0, where=self.xp.abs(d) < self.l1_loss_param.plateau)
        self.xp.sign(d, out=slope)
        return self.xp.vdot(d, slope)

    def _lengths(self, d):
        """Return the sum of the smoothed lengths and keep its slope."""
        xp, p = self.xp, self.l1_loss_param
        share = 1 / d.shape[1] if p.l2_prescale_by_channels else 1
        square = xp.einsum("nci,nci->ni", d, d)
        square *= share
        flat = square < p.plateau**2
        xp.copyto(square, 0, where=flat)
        square += p.epsilon
        lengths = xp.sqrt(square)
        slope = share / lengths
        xp.copyto(slope, 0, where=flat)
        xp.multiply(d, slope[:, None], out=self.difference.diff)
        return lengths.sum()
