"""EuclideanLoss layer."""

from pycaffe_geo.families.loss import ElementLoss
from pycaffe_geo.layer import register


@register
class EuclideanLoss(ElementLoss):
    """Sum of w (a - b)^2 / (2 N); bottoms a, b of one shape, N = axis 0, and optional weights w (Caffe's EuclideanLoss)."""

    cost = "square"
