"""GradientMatchingLoss layer."""

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.log_depth import LogDepthLoss, LogDepthParam
from pycaffe_geo.layer import register
from pycaffe_geo.ops.differences import add_adjoint, differences, ends


@register
class GradientMatchingLoss(LogDepthLoss):
    """What Eigen and Fergus (2015) add to the scale-invariant error, so that edges fit: with d = log prediction - log target,

        mean over images of  sum(w w' (dx^2 + dy^2)) / n,   n = sum(w) of an image; images with n = 0 do not count.

    dx and dy are the differences of d to the next pixel, and w' is the weight there: both must be valid. Bottoms: prediction
    (N, C, H, W), in metres or log-metres; target of that shape, in metres, valid where > 0; optional weights w (1 without).
    A predicted depth below `eps` counts as `eps`, with gradient 0. Add an EigenLoss for the whole of the published loss.
    """

    parameters = {"gradient_matching_loss_param": LogDepthParam}

    def setup(self, bottom, top):
        super().setup(bottom, top)
        self.param = self.gradient_matching_loss_param
        self.slope = Blob((), self.dtype, self.device)  # data: half the gradient to each image's sum

    def reshape(self, bottom, top):
        self.slope.reshape(*self.expect(bottom[0], "N", "C", "H", "W"))
        super().reshape(bottom, top)

    def forward(self, bottom, top):
        self.compare(bottom)
        d, w, slope = self.work.data, self.weight.data, self.slope.data
        slope[...] = 0
        loss = 0
        for axis in (2, 3):
            later, earlier = ends(axis)
            step = differences(d, (axis,))
            weighted = step * w[later]
            weighted *= w[earlier]
            add_adjoint(self.xp, weighted, (axis,), slope)
            loss += (self.xp.einsum("nchw,nchw->n", weighted, step) / self.counts).sum()
        top[0].data[...] = loss / self.images

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            factor = 2 * top[0].diff / (self.images * self.counts)
            self.xp.multiply(self.slope.data, factor[:, None, None, None], out=bottom[0].diff)
            self.through_log(bottom[0].data, bottom[0].diff)
