"""What losses share: normalisation, the optional last weight bottom, and the warning on an empty mask."""

import logging
from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.errors import DataError, ShapeError, SpecError
from pycaffe_geo.layer import Layer
from pycaffe_geo.ops.element_cost import plan_element_cost

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class LossParam:
    """Caffe's LossParameter. Without `normalization` the layer's own default holds; `normalize` is its old form."""

    ignore_label: int | None = None
    normalization: Literal["FULL", "VALID", "BATCH_SIZE", "NONE"] | None = None
    normalize: bool | None = None


def check_labels(layer, labels, counted, classes):
    """Raise DataError where one of `labels` that is `counted` (boolean, same shape) is no class 0..classes-1."""
    bad = counted & ~((labels >= 0) & (labels < classes))
    if bad.any():
        raise DataError(f"{layer.where}: a label is {float(labels[bad][0]):g}, expected 0 to {classes - 1}, or `ignore_label`")


class Loss(Layer):
    """A layer whose top[0], of shape (), is a sum over elements divided by Caffe's normaliser, which is at least 1.

    FULL divides by the number of elements, VALID by those that count (the sum of their weights), BATCH_SIZE by the batch,
    NONE by 1. `normalization` is the layer's default.
    """

    tops = (1, 1)
    parameters = {"loss_param": LossParam}
    is_loss = True
    normalization = "VALID"
    warned = False

    def divisor(self, full, batch, valid):
        """Return the normaliser (a number, or an array of shape () where `valid` is one)."""
        p = self.loss_param
        mode = p.normalization
        if mode is None:
            mode = self.normalization if p.normalize is None else "VALID" if p.normalize else "BATCH_SIZE"
        value = {"FULL": full, "BATCH_SIZE": batch, "VALID": valid, "NONE": 1}[mode]
        return max(value, 1) if isinstance(value, int) else self.xp.maximum(value, 1)

    def expect_weights(self, blob, shape):
        """Return `blob.shape` if it can weight elements of `shape`: that shape, or the same with one channel."""
        one_channel = (*shape[:1], 1, *shape[2:])
        if blob.shape not in (tuple(shape), one_channel):
            raise ShapeError(f"{self.where}: bottom '{blob.name}' is {blob.shape}, expected {one_channel} or {tuple(shape)}")
        return blob.shape

    def refuse_ignore_label(self, hint):
        """Raise SpecError, with `hint`, where the loss has no labels and yet an `ignore_label`."""
        if self.loss_param.ignore_label is not None:
            raise SpecError(f"{self.where}: loss_param.ignore_label has no meaning here: {hint}")

    def warn_if_empty(self, total, blob):
        """Warn once where the sum of weights `total` is 0: then the loss and its gradient are 0."""
        if not self.warned and self.looks_now() and not asnumpy(total).any():
            self.warned = True
            log.warning("%s: bottom '%s' leaves no element: the loss is 0 and teaches nothing", self.where, blob.name)


def _sizes(blob):
    """Return the batch and the other sizes but 1: the same for (N, 2) and (N, 2, 1, 1)."""
    return blob.shape[:1], [n for n in blob.shape[1:] if n != 1]


class ElementLoss(Loss):
    """Sum over elements of weight * cost(prediction - target) / normaliser; bottoms of one shape, and weights.

    The weights (N, 1, H, W) or of full shape get no gradient; an element of weight 0 counts nothing, whatever its values.
    A subclass gives `cost`, a name of ops.element_cost, or its own `plan_cost`, `add_up` and `send_back`.
    """

    bottoms = (2, 3)
    no_gradient = (2,)
    normalization = "BATCH_SIZE"
    cost = ""

    def setup(self, bottom, top):
        self.refuse_ignore_label("give a third bottom, 0 where to skip")
        self.plan_cost()

    def plan_cost(self):
        """Choose how costs are computed."""
        self.plan = plan_element_cost(self.cost, self.device, self.dtype)

    def add_up(self, a, b, weights):
        """Return the sum of weight * cost; weights may be None."""
        return self.plan.forward(a, b, weights, self.lend(a.shape))

    def send_back(self, a, b, weights, factor, da, db):
        """Write factor * weight * slope to da, and its negative to db, each unless it is None. a, b and weights are None where
        `uses_bottom` is False."""
        self.plan.backward(a, b, weights, factor, da, db)

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        if _sizes(bottom[1]) != _sizes(bottom[0]):
            self.expect(bottom[1], *shape)
        for blob in bottom[2:]:
            self.expect_weights(blob, shape)
        top[0].reshape()

    def forward(self, bottom, top):
        a, b, weights = values = self._values(bottom)
        count = valid = a.size
        if weights is not None:
            valid = weights.sum() * (count // max(weights.size, 1))
            self.warn_if_empty(valid, bottom[2])
        self.factor = 1 / self.divisor(count, bottom[0].num, valid)
        top[0].data[...] = self.add_up(*values) * self.factor

    def backward(self, top, propagate_down, bottom):
        diffs = [b.diff.reshape(bottom[0].shape) if wanted else None for b, wanted in zip(bottom[:2], propagate_down)]
        if any(propagate_down[:2]):
            values = self._values(bottom) if self.uses_bottom else [None] * 3
            self.send_back(*values, top[0].diff * self.factor, *diffs)

    def _values(self, bottom):
        """Return the data of prediction, target (in the prediction's shape) and weights (or None)."""
        a, b = (blob.data.reshape(bottom[0].shape) for blob in bottom[:2])
        return a, b, bottom[2].data if len(bottom) == 3 else None
