"""SO3Generator layer."""

from pycaffe_geo.families.transform_generator import TransformGenerator
from pycaffe_geo.geometry import se3, so3
from pycaffe_geo.layer import register


@register
class SO3Generator(TransformGenerator):
    """Rotation vector w (N, 3[, 1, 1]) in radians -> transform (N, 1, 4, 4) = [exp(w) 0; 0 1]: a rotation in place.

    The gradient is exact, also at zero and near pi (geometry/so3.py has the formulas). gvnn's TransformationRotationSO3.
    """

    size = 3

    def transform(self, numbers):
        return se3.from_rotation(so3.exp(numbers))

    def transform_backward(self, numbers, dT):
        return so3.exp_backward(numbers, dT[:, :3, :3])
