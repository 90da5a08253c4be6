"""PerPixel10D layer."""

from pycaffe_geo.families.per_pixel_motion import PerPixelMotion
from pycaffe_geo.layer import register


@register
class PerPixel10D(PerPixelMotion):
    """Moves every point by ten numbers of its own: points (N, 3, H, W) in metres -> e^l exp(w) (X - c) + c + t (N, 3, H, W).

    The second bottom (N, 10, H, W) holds a rotation vector w (radians), a translation t (metres), the logarithm l of a scale,
    and the pivot c (metres) about which the point turns and scales; c gets a gradient too. Zeros move nothing. A point at
    exactly 0 is no point (no depth): it stays 0 and gives no gradient. gvnn (2016) names a 10-D transformation for each pixel
    but has no code for it; this is our reading: PerPixelSim3 with a pivot.
    """

    size = 10
