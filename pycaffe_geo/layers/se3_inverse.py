"""SE3Inverse layer."""

from pycaffe_geo.geometry import se3
from pycaffe_geo.layer import Layer, register


@register
class SE3Inverse(Layer):
    """Rigid transform T_b_a (N, 1, 4, 4) -> its inverse T_a_b = [R^T, -R^T t; 0 1] of the same shape.

    Right for rotations alone: invert a similarity by the negative of the numbers that made it. The gradient is that of the
    formula, in the twelve entries of R and t.
    """

    def reshape(self, bottom, top):
        top[0].reshape(*self.expect(bottom[0], "N", 1, 4, 4))

    def forward(self, bottom, top):
        top[0].data[...] = se3.inverse(bottom[0].data)

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = se3.inverse_backward(bottom[0].data, top[0].diff)
