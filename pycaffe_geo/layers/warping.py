"""Warping layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.geometry.grid import pixel_axes
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.warping import plan_warping

OUTSIDE = -2  # a coordinate without any neighbour in the image: value 0, gradient 0


@dataclass(frozen=True)
class WarpingParam:
    """`gradient`: exact, or `published`: u and v get that of the central difference of the top (0 at its border), the image none.
    """

    gradient: Literal["exact", "published"] = "exact"


@register
class Warping(Layer):
    """I(x + u, y + v), bilinearly (Ravi Garg's Warping): a pixel with any of its four neighbours outside the image is 0.

    Bottoms: image (N, C, H, W); u, v (N, 1, H, W) in pixels, to the right and down. Top: (N, C, H, W). Gradients to all three
    are the exact derivative, on an integer coordinate the right-hand one. The original's gradient is an approximation, which
    `gradient: published` gives.
    """

    bottoms = (3, 3)
    parameters = {"warping_param": WarpingParam}

    def setup(self, bottom, top):
        self.coords = Blob((), self.dtype, self.device)
        self.shape = None
        self.published = self.warping_param.gradient == "published"
        if self.published:
            self.uses_top, self.no_gradient = "values", (0,)

    def reshape(self, bottom, top):
        batch, _, height, width = shape = self.expect(bottom[0], "N", "C", "H", "W")
        for flow in bottom[1:]:
            self.expect(flow, batch, 1, height, width)
        top[0].reshape(*shape)
        if self.shape != shape:
            self.shape = shape
            self.coords.reshape(batch, 2, height, width)
            self.warping = plan_warping(shape, self.coords.shape, self.dtype, self.device)

    def forward(self, bottom, top):
        xp, coords = self.xp, self.coords.data
        height, width = self.shape[2:]
        u, v = pixel_axes(height, width, coords)
        x = xp.add(bottom[1].data[:, 0], u, out=coords[:, 0])
        y = xp.add(bottom[2].data[:, 0], v[:, None], out=coords[:, 1])
        inside = (x >= 0) & (x < width - 1) & (y >= 0) & (y < height - 1)
        xp.copyto(coords, OUTSIDE, where=~inside[:, None])
        self.warping.forward(bottom[0].data, coords, top[0].data)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0] and not self.published:
            self.warping.backward_image(top[0].diff, bottom[0].diff)
        if propagate_down[1] or propagate_down[2]:
            slopes = self.coords.diff
            if self.published:
                self._central_differences(top[0], slopes)
            else:
                self.warping.backward_coords(top[0].diff, slopes)
            for i in (1, 2):
                if propagate_down[i]:
                    bottom[i].diff[:, 0] = slopes[:, i - 1]

    def _central_differences(self, top, slopes):
        """Write the published gradient (N, 2, H, W) to u and v."""
        y, dy = top.data, top.diff
        slopes[...] = 0
        both = "nchw,nchw->nhw"
        slopes[:, 0, :, 1:-1] = 0.5 * self.xp.einsum(both, dy[..., 1:-1], y[..., 2:] - y[..., :-2])
        slopes[:, 1, 1:-1] = 0.5 * self.xp.einsum(both, dy[:, :, 1:-1], y[:, :, 2:] - y[:, :, :-2])
