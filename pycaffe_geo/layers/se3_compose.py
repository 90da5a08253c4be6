"""SE3Compose layer."""

from pycaffe_geo.layer import Layer, register


@register
class SE3Compose(Layer):
    """Transforms T_c_b and T_b_a, each (N, 1, 4, 4) -> T_c_a = T_c_b T_b_a, which moves as the second, then as the first.

    The matrix product, so similarities and other 4x4 transforms compose too. Exact gradients to both bottoms.
    """

    bottoms = (2, 2)

    def reshape(self, bottom, top):
        shape = self.expect(bottom[0], "N", 1, 4, 4)
        self.expect(bottom[1], *shape)
        top[0].reshape(*shape)

    def forward(self, bottom, top):
        self.xp.matmul(bottom[0].data, bottom[1].data, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        first, second = (b.data for b in bottom)
        if propagate_down[0]:
            self.xp.matmul(top[0].diff, second.swapaxes(2, 3), out=bottom[0].diff)
        if propagate_down[1]:
            self.xp.matmul(first.swapaxes(2, 3), top[0].diff, out=bottom[1].diff)
