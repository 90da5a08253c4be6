"""ChannelNorm layer."""

from pycaffe_geo.layer import Layer, register


@register
class ChannelNorm(Layer):
    """The L2 norm over the channels, sqrt(sum of x_c^2): (N, C, H, W) -> (N, 1, H, W) (FlowNet2's ChannelNorm).

    Where all channels are 0 the gradient is 0, a subgradient.
    """

    uses_top = "values"

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", "C", "H", "W")
        top[0].reshape(batch, 1, height, width)

    def forward(self, bottom, top):
        x = bottom[0].data
        top[0].data[:, 0] = self.xp.sqrt(self.xp.einsum("nchw,nchw->nhw", x, x))

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            norm = top[0].data
            share = top[0].diff / self.xp.where(norm == 0, 1, norm)
            self.xp.multiply(bottom[0].data, share, out=bottom[0].diff)
