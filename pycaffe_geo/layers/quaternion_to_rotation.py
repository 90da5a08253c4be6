"""QuaternionToRotation layer."""

from pycaffe_geo.families.transform_generator import TransformGenerator
from pycaffe_geo.geometry import quaternion, se3
from pycaffe_geo.layer import register


@register
class QuaternionToRotation(TransformGenerator):
    """Quaternion (w, x, y, z), (N, 4[, 1, 1]) of any length -> transform (N, 1, 4, 4) = [R 0; 0 1].

    Normalised inside, and the gradient is through that, so it has no part along q. q = 0 gives no rotation and no gradient: let
    the layer before start at w = 1 (its bias).
    """

    size = 4

    def transform(self, numbers):
        return se3.from_rotation(quaternion.to_matrix(numbers))

    def transform_backward(self, numbers, dT):
        return quaternion.to_matrix_backward(numbers, dT[:, :3, :3])
