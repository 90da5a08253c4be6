"""PerPixelSO3 layer."""

from pycaffe_geo.families.per_pixel_motion import PerPixelMotion
from pycaffe_geo.layer import register


@register
class PerPixelSO3(PerPixelMotion):
    """Turns every point by its own rotation vector: points (N, 3, H, W), vectors w (N, 3, H, W) in radians -> exp(w) X.

    Exact gradients to both bottoms, also at zero and near pi. A point at exactly 0 is no point (no depth): it stays 0 and gives
    no gradient. gvnn's NonRigidRotationSO3, without its matrices.
    """

    size = 3
