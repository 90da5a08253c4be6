"""AbsLoss layer."""

from pycaffe_geo.families.loss import ElementLoss
from pycaffe_geo.layer import register


@register
class AbsLoss(ElementLoss):
    """Sum of w |a - b| / N; bottoms a, b of one shape, N = axis 0, and optional weights w (the AbsLoss of Depth-VO-Feat).

    Where a = b the gradient is 0, a subgradient; the original takes that of a < b there.
    """

    cost = "abs"
