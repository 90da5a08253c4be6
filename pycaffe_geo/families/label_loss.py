"""What losses of scores and labels share: shapes, the labels that count, their weights and the divisor."""

import math

import numpy as np

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.families.loss import Loss, check_labels


class LabelLoss(Loss):
    """A loss of scores, seen as (outer, classes, inner) = `self.shape`, with one label for each (outer, inner).

    A label must be a whole number of 0..classes-1, or `ignore_label`, which weighs 0. `read_labels` sets what a subclass uses:
    `label` and `weight` (Blobs (outer, inner); the label of weight 0 is 0), `chosen` (index of the labels' scores) and `factor`
    (1 / divisor).
    """

    no_gradient = (1, 2)

    def setup(self, bottom, top):
        self.label = Blob((), np.intp, self.device)
        self.weight = Blob((), self.dtype, self.device)

    def fit_labels(self, scores, blobs, axis=None):
        """Set the shapes for the blob `scores` with its classes on `axis` (None: on all but the first) and one value for each
        other element in every one of `blobs`."""
        shape = scores.shape if axis is not None else self.expect(scores, "N", "C", ...)
        axes = range(1, len(shape)) if axis is None else (self.canonical_axis(axis, scores),)
        outer, inner = math.prod(shape[:axes[0]]), math.prod(shape[axes[-1] + 1:])
        self.shape = outer, math.prod(shape[a] for a in axes), inner
        if not self.shape[1]:
            raise ShapeError(f"{self.where}: bottom '{scores.name}' is {shape}, expected at least one class")
        for blob in blobs:
            if blob.count != outer * inner:
                rest = tuple(n for a, n in enumerate(shape) if a not in axes)
                raise ShapeError(
                    f"{self.where}: bottom '{blob.name}' is {blob.shape}, expected {rest}: one value for each element of "
                    f"'{scores.name}' {shape} without axis {', '.join(map(str, axes))}"
                )
        self.label.reshape(outer, inner)
        self.weight.reshape(outer, inner)
        self.chosen = self.xp.arange(outer)[:, None], self.label.data, self.xp.arange(inner)[None]

    def read_labels(self, labels, weights=None):
        """Take the labels of the blob `labels`, and their weights (1 without the blob `weights`)."""
        weight, label = self.weight.data, labels.data.reshape(self.weight.shape)
        weight[...] = weights.data.reshape(weight.shape) if weights else 1
        if self.loss_param.ignore_label is not None:
            self.xp.copyto(weight, 0, where=label == self.loss_param.ignore_label)
        if self.looks_now():
            check_labels(self, label, weight != 0, self.shape[1])
        self.label.data[...] = self.xp.where(weight == 0, 0, label)
        valid = weight.sum()
        self.warn_if_empty(valid, weights or labels)
        self.factor = 1 / self.divisor(weight.size, self.shape[0], valid)
