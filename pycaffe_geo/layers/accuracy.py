"""Accuracy layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.families.loss import check_labels
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.softmax import fold_axis


@dataclass(frozen=True)
class AccuracyParam:
    """Right means: among the `top_k` largest scores along `axis`; labels equal to `ignore_label` do not count. `within`, which
    Caffe does not have: classes in order, such as bins, at most so far from the true one count as the true one."""

    top_k: int = 1
    axis: int = 1
    ignore_label: int | None = None
    within: int = 0

    def __post_init__(self):
        for name, least in (("top_k", 1), ("within", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}, expected at least {least}")


@register
class Accuracy(Layer):
    """Share of right predictions (Caffe's Accuracy); ties count against the true class; no gradient.

    Bottoms: scores, with D classes on `axis`; labels, one for each element of the other axes. Tops: the share, of shape ();
    optionally the share for each class (D,), 0 for a class without labels.
    """

    bottoms = (2, 2)
    tops = (1, 2)
    parameters = {"accuracy_param": AccuracyParam}
    no_gradient = (0, 1)

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        axis = self.canonical_axis(self.accuracy_param.axis, bottom[0])
        self.shape = outer, classes, inner = fold_axis(shape, axis)
        if bottom[1].count != outer * inner:
            raise ShapeError(
                f"{self.where}: bottom '{bottom[1].name}' is {bottom[1].shape}, expected {shape[:axis] + shape[axis + 1:]}: "
                f"one label for each element of '{bottom[0].name}' {shape} without axis {axis}"
            )
        top_k = self.accuracy_param.top_k
        if top_k > classes:
            raise SpecError(f"{self.where}: accuracy_param.top_k is {top_k}, expected at most {classes}, the number of classes")
        top[0].reshape()
        for blob in top[1:]:
            blob.reshape(classes)

    def forward(self, bottom, top):
        xp, p = self.xp, self.accuracy_param
        scores = bottom[0].data.reshape(self.shape)
        label = bottom[1].data.reshape(self.shape[0], 1, self.shape[2])
        counted = label != (xp.inf if p.ignore_label is None else p.ignore_label)
        if self.looks_now():
            check_labels(self, label, counted, self.shape[1])
        distance = abs(label - xp.arange(self.shape[1])[:, None])
        is_class, near = (distance == 0) & counted, distance <= p.within
        true_score = xp.where(near, scores, -xp.inf).max(axis=1, keepdims=True)
        not_worse = (~(scores < true_score) & ~near).sum(axis=1, keepdims=True)  # NaN, too: a broken net is not right
        right = is_class & (not_worse < p.top_k)
        top[0].data[...] = right.sum() / xp.maximum(is_class.sum(), 1)
        for blob in top[1:]:
            blob.data[...] = right.sum(axis=(0, 2)) / xp.maximum(is_class.sum(axis=(0, 2)), 1)
