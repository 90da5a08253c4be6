"""RotationToQuaternion layer."""

from pycaffe_geo.geometry import quaternion
from pycaffe_geo.layer import Layer, register


@register
class RotationToQuaternion(Layer):
    """Transform (N, 1, 4, 4) -> unit quaternion (w, x, y, z) (N, 4) of its rotation, with w >= 0.

    Built from the largest of the four components, so it is exact for every rotation. The gradient to the nine entries is that
    of the formula used (geometry/quaternion.py), which has a value near a rotation too; along the ways a rotation can go it is
    the true one. At an angle of exactly pi (w = 0) q jumps to -q: one of the two and its gradient come out.
    """

    def reshape(self, bottom, top):
        batch = self.expect(bottom[0], "N", 1, 4, 4)[0]
        top[0].reshape(batch, 4)

    def forward(self, bottom, top):
        top[0].data[...] = quaternion.from_matrix(bottom[0].data[:, 0, :3, :3])

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = 0
        bottom[0].diff[:, 0, :3, :3] = quaternion.from_matrix_backward(bottom[0].data[:, 0, :3, :3], top[0].diff)
