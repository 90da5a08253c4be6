"""RotateGrid3D layer."""

from pycaffe_geo.blob import Blob
from pycaffe_geo.families.grid_size import GridSizeParam, check_grid_size, grid_size
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.camera import camera_functions


@register
class RotateGrid3D(Layer):
    """The turned rays R K^-1 (u, v, 1) of the pixels (u, v): what a camera that only turns, or whose scene is far, needs.

    Bottoms: transform (N, 1, 4, 4), of which only the rotation R counts (SO3Generator makes one); intrinsics (N, 4, 1, 1) = fx,
    fy, cx, cy in pixels; optionally any blob (N, C, H, W), whose height and width the grid takes. Top: points (N, 3, H, W) at
    depth 1 before they turn, x right, y down, z forward, for PinholeProjection. Gradients to R and the intrinsics; that to the
    translation is 0. gvnn's Transform3DPoints_R.
    """

    bottoms = (2, 3)
    parameters = {"rotate_grid_3d_param": GridSizeParam}
    no_gradient = (2,)

    def setup(self, bottom, top):
        check_grid_size(self, self.rotate_grid_3d_param, bottom)
        self.camera = camera_functions(self.device, self.dtype)
        self.turn = Blob((), self.dtype, self.device)
        self.depth = Blob((), self.dtype, self.device)

    def reshape(self, bottom, top):
        batch = self.expect(bottom[0], "N", 1, 4, 4)[0]
        self.expect(bottom[1], batch, 4, 1, 1)
        height, width = grid_size(self, self.rotate_grid_3d_param, bottom)
        top[0].reshape(batch, 3, height, width)
        self.turn.reshape(batch, 1, 4, 4)
        self.depth.reshape(batch, 1, height, width)
        self.depth.data[...] = 1

    def forward(self, bottom, top):
        self.turn.data[...] = bottom[0].data
        self.turn.data[:, :, :3, 3] = 0
        self.camera.transform_grid(self.depth.data, self.turn.data, bottom[1].data, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        dturn, dintrinsics = (b.diff if wanted else None for b, wanted in zip(bottom[:2], propagate_down))
        inputs = self.depth.data, self.turn.data, bottom[1].data
        self.camera.transform_grid_backward(*inputs, top[0].diff, None, dturn, dintrinsics)
        if dturn is not None:
            dturn[:, :, :3, 3] = 0
