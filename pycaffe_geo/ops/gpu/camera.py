"""geometry.camera's transform_grid and pinhole with their gradients, one CUDA kernel each."""

import math

from pycaffe_geo.geometry.camera import INVALID, MIN_DEPTH
from pycaffe_geo.ops.gpu.kernels import Scratch, blocks, kernels

PIXELS_PER_THREAD = 2  # of a kernel that adds up: fewer blocks leave fewer partial sums


class GpuCamera:
    """The functions of geometry.camera that run in every iteration. Gradients are added up in a fixed order."""

    def __init__(self, device, dtype):
        self.xp = device.xp
        self._kernels = kernels("camera", device, dtype)
        self._sums = Scratch(device, dtype)

    def transform_grid(self, depth, T, intrinsics, out=None):
        """As geometry.camera.transform_grid."""
        batch, _, height, width = depth.shape
        out = self.xp.empty((batch, 3, height, width), depth.dtype) if out is None else out
        grid = blocks(height * width), batch, 1
        self._kernels.launch("transform_grid", grid, height * width, width, depth, T, intrinsics, out)
        return out

    def transform_grid_backward(self, depth, T, intrinsics, dpoints, ddepth=None, dT=None, dintrinsics=None):
        """As geometry.camera.transform_grid_backward."""
        batch, _, height, width = depth.shape
        parts = self._parts(height * width)
        sums = self._sums.get(12 * batch * parts)
        arguments = height * width, width, depth, T, intrinsics, dpoints, ddepth, sums
        self._kernels.launch("transform_grid_backward", (parts, batch, 1), *arguments)
        if dT is not None or dintrinsics is not None:
            self._kernels.launch("transform_grid_finish", (batch, 1, 1), parts, T, intrinsics, sums, dT, dintrinsics)

    def pinhole(self, points, intrinsics, min_depth=MIN_DEPTH, flow=None, coords=None, validity=None):
        """As geometry.camera.pinhole."""
        batch, _, height, width = points.shape
        channels = (2, 2, 1)
        results = [self.xp.empty((batch, c, height, width), points.dtype) if a is None else a
                   for c, a in zip(channels, (flow, coords, validity))]
        grid = blocks(height * width), batch, 1
        self._kernels.launch("pinhole", grid, height, width, float(min_depth), INVALID, points, intrinsics, *results)
        return tuple(results)

    def pinhole_backward(self, points, intrinsics, dflow, dcoords, min_depth=MIN_DEPTH, dpoints=None, dintrinsics=None):
        """As geometry.camera.pinhole_backward."""
        batch, size = len(points), math.prod(points.shape[2:])
        parts = self._parts(size)
        sums = None if dintrinsics is None else self._sums.get(4 * batch * parts)
        dcoords = None if isinstance(dcoords, int) else dcoords
        arguments = size, float(min_depth), points, intrinsics, dflow, dcoords, dpoints, sums
        self._kernels.launch("pinhole_backward", (parts, batch, 1), *arguments)
        if dintrinsics is not None:
            self._kernels.launch("pinhole_finish", (batch, 1, 1), parts, sums, dintrinsics)

    def _parts(self, size):
        return blocks(-(-size // PIXELS_PER_THREAD))
