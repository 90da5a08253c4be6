"""AffineGrid layer."""

from dataclasses import dataclass

from pycaffe_geo.families.grid_size import GridSizeParam, check_grid_size, grid_size
from pycaffe_geo.geometry.planar import Origin, affine_grid, affine_grid_backward
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class AffineGridParam(GridSizeParam):
    """`origin`: where positions are measured from: the centre of the top-left pixel, or of the grid (`center`)."""

    origin: Origin = "top_left"


@register
class AffineGrid(Layer):
    """The coordinates A (x, y, 1) of every pixel (x, y) of a grid, for InverseWarping (a spatial transformer's grid).

    Bottoms: transform (N, 1, 2, 3) = A; optionally any blob (N, C, H, W), whose height and width the grid takes. Top: coordinates
    (N, 2, H, W) in pixels, channel 0 = x. Gradient to the transform. With `origin: center` rotation and scale keep the middle
    of the grid in place. Unlike gvnn's, positions are pixels, not halves of the image: the same A turns without shear.
    """

    bottoms = (1, 2)
    parameters = {"affine_grid_param": AffineGridParam}
    no_gradient = (1,)
    accumulates = True
    uses_bottom = False

    def setup(self, bottom, top):
        check_grid_size(self, self.affine_grid_param, bottom)

    def reshape(self, bottom, top):
        batch = self.expect(bottom[0], "N", 1, 2, 3)[0]
        top[0].reshape(batch, 2, *grid_size(self, self.affine_grid_param, bottom))

    def forward(self, bottom, top):
        affine_grid(bottom[0].data[:, 0], self.affine_grid_param.origin, top[0].data)

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.write_diff(bottom, 0, affine_grid_backward(top[0].diff, self.affine_grid_param.origin)[:, None])
