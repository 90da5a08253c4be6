"""InverseWarping layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.geometry.sampling import inside_image
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.warping import plan_warping


@dataclass(frozen=True)
class InverseWarpingParam:
    """`padding`: what lies outside the image, `zeros`, or `border`: the nearest pixel of its border."""

    padding: Literal["zeros", "border"] = "zeros"


@register
class InverseWarping(Layer):
    """The image sampled at given pixel coordinates, bilinearly; neighbours outside the image count 0 (but see `padding`).

    Bottoms: image (N, C, H, W); coordinates (N, 2, H', W') in pixels of that image, channel 0 = x, channel 1 = y. Tops: samples
    (N, C, H', W'); optionally validity (N, 1, H', W'), 1 where 0 <= x <= W - 1 and 0 <= y <= H - 1, else 0.
    Gradients to both bottoms are exact; on an integer coordinate the slope is that of the cell to its right (below it).
    """

    bottoms = (2, 2)
    tops = (1, 2)
    parameters = {"inverse_warping_param": InverseWarpingParam}

    def setup(self, bottom, top):
        self.shapes = None
        self.border = self.inverse_warping_param.padding == "border"
        self.clipped = Blob((), self.dtype, self.device)  # the coordinates, moved to the border

    def reshape(self, bottom, top):
        batch, channels, _, _ = image = self.expect(bottom[0], "N", "C", "H", "W")
        _, _, height, width = coords = self.expect(bottom[1], batch, 2, "H", "W")
        for blob, depth in zip(top, (channels, 1)):
            blob.reshape(batch, depth, height, width)
        if self.shapes != (image, coords):
            self.shapes = image, coords
            self.warping = plan_warping(image, coords, self.dtype, self.device)
        if self.border:
            self.clipped.reshape(*coords)

    def forward(self, bottom, top):
        image, coords = (blob.data for blob in bottom)
        if not self.border:
            self.warping.forward(image, coords, *(t.data for t in top))
            return
        for axis, size in self._axes():
            self.xp.clip(coords[:, axis], 0, size - 1, out=self.clipped.data[:, axis])
        self.warping.forward(image, self.clipped.data, top[0].data)
        for blob in top[1:]:
            blob.data[...] = inside_image(coords, *image.shape[2:])

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.warping.backward_image(top[0].diff, bottom[0].diff)
        if propagate_down[1]:
            coords, slopes = bottom[1].data, bottom[1].diff
            self.warping.backward_coords(top[0].diff, slopes)
            for axis, size in self._axes() if self.border else ():
                outside = (coords[:, axis] < 0) | (coords[:, axis] >= size - 1)
                self.xp.copyto(slopes[:, axis], 0, where=outside)

    def _axes(self):
        """Return [(0, width of the image), (1, height)]."""
        height, width = self.shapes[0][2:]
        return [(0, width), (1, height)]
