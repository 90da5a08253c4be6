"""SmoothnessLoss layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import SpecError
from pycaffe_geo.families.loss import Loss
from pycaffe_geo.layer import register
from pycaffe_geo.ops.differences import add_adjoint, differences

SMALLEST_MEAN = 1e-7
TERMS = {1: (((3,), 1), ((2,), 1)), 2: (((3, 3), 1), ((3, 2), 2), ((2, 2), 1))}  # (axes to take differences along, factor)


@dataclass(frozen=True)
class SmoothnessLossParam:
    """`order`: of the differences. `edge_weight`: how much an edge of the image forgives, per unit of the image; 0: nothing.

    `mean_normalize`: take the disparity over its mean in each image, so that shrinking it is no way to be smooth (Godard 2019).
    """

    order: Literal[1, 2] = 1
    edge_weight: float = 0.0
    mean_normalize: bool = False

    def __post_init__(self):
        if self.edge_weight < 0:
            raise ValueError(f"edge_weight is {self.edge_weight}, expected at least 0")


@register
class SmoothnessLoss(Loss):
    """Mean absolute differences of a disparity map; of order 1 (Garg 2016, Godard 2017) or 2 (SfMLearner):

        mean(w |dx|) + mean(w |dy|)   or   mean(w |dxx|) + mean(w |dxy|) + mean(w |dyx|) + mean(w |dyy|).

    dx = d[.., 1:] - d[.., :-1], dy likewise, dxx of dx and so on: each term is the mean over the places that it has, 0 where the
    map is too small for any. w = exp(-edge_weight * mean over channels of |the same difference of the image|), 1 without image.
    For images 0..255, 1 / 255 is Godard's weight, and 0.004 is Garg's 0.33 on the sum of channels times 0.004 (he took central
    differences). Bottoms: disparity (N, 1, H, W), with `mean_normalize` of positive mean (one below 1e-7 counts as 1e-7);
    optional image (N, C, H, W), which gets no gradient. Where a difference is 0, so is its gradient, a subgradient.
    """

    bottoms = (1, 2)
    parameters = {"smoothness_loss_param": SmoothnessLossParam}
    no_gradient = (1,)

    def setup(self, bottom, top):
        if self.smoothness_loss_param.edge_weight and len(bottom) == 1:
            raise SpecError(f"{self.where}: edge_weight needs the image as second bottom, got the disparity alone")
        self.terms = TERMS[self.smoothness_loss_param.order]
        self.slopes = [Blob((), self.dtype, self.device) for _ in self.terms]  # d loss / d difference

    def reshape(self, bottom, top):
        batch, _, height, width = self.expect(bottom[0], "N", 1, "H", "W")
        for blob in bottom[1:]:
            self.expect(blob, batch, "C", height, width)
        for (axes, _), slope in zip(self.terms, self.slopes):
            slope.reshape(batch, 1, max(height - axes.count(2), 0), max(width - axes.count(3), 0))
        top[0].reshape()

    def forward(self, bottom, top):
        xp, p, x = self.xp, self.smoothness_loss_param, bottom[0].data
        if p.mean_normalize:
            self.mean = x.mean(axis=(2, 3), keepdims=True)
            x = x / xp.maximum(self.mean, SMALLEST_MEAN)
        top[0].data[...] = 0
        for (axes, factor), blob in zip(self.terms, self.slopes):
            slope, value = blob.data, differences(x, axes)
            xp.sign(value, out=slope)
            slope *= factor / max(slope.size, 1)
            if len(bottom) == 2 and p.edge_weight:
                edges = xp.abs(differences(bottom[1].data, axes)).mean(axis=1, keepdims=True)
                slope *= xp.exp(-p.edge_weight * edges)
            top[0].data[...] += xp.vdot(slope, value)

    def backward(self, top, propagate_down, bottom):
        if not propagate_down[0]:
            return
        xp, dx = self.xp, bottom[0].diff
        dx[...] = 0
        for (axes, _), slope in zip(self.terms, self.slopes):
            add_adjoint(xp, slope.data, axes, dx)
        dx *= top[0].diff
        if self.smoothness_loss_param.mean_normalize:
            dx /= xp.maximum(self.mean, SMALLEST_MEAN)
            along_mean = (dx * bottom[0].data).mean(axis=(2, 3), keepdims=True)
            dx -= along_mean / xp.maximum(self.mean, SMALLEST_MEAN) * (self.mean > SMALLEST_MEAN)
