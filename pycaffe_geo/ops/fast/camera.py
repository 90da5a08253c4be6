"""geometry.camera's transform_grid and pinhole with their gradients, one pass over the pixels each."""

import numpy as np
from numba import prange

from pycaffe_geo.geometry.camera import INVALID, MIN_DEPTH, unit_rays
from pycaffe_geo.geometry.grid import pixel_axes
from pycaffe_geo.ops.fast.compiler import REORDER, helper, kernel


def transform_grid(depth, T, intrinsics, out=None):
    """As geometry.camera.transform_grid."""
    out = np.empty((len(depth), 3, *depth.shape[2:]), depth.dtype) if out is None else out
    row, column = _turned(T, *unit_rays(intrinsics, depth))
    _transform(depth, row, column, T.reshape(-1, 4, 4)[:, :3, 3], out)
    return out


def transform_grid_backward(depth, T, intrinsics, dpoints, ddepth=None, dT=None, dintrinsics=None):
    """As geometry.camera.transform_grid_backward."""
    x, y = unit_rays(intrinsics, depth)
    sums = np.empty((depth.shape[0], depth.shape[2], 3, 4))
    sums = sums[:0] if dT is None and dintrinsics is None else sums
    ddepth = depth[:0] if ddepth is None else ddepth
    _transform_gradient(depth, x, y, *_turned(T, x, y), dpoints, ddepth, sums)
    if not len(sums):
        return
    sums = sums.sum(axis=1)  # per image the gradient (3, 4) to [R t]
    if dT is not None:
        dT4 = dT.reshape(-1, 4, 4)
        dT4[:, 3] = 0
        dT4[:, :3] = sums
    if dintrinsics is not None:
        turn, dturn = T.reshape(-1, 4, 4)[:, :3, :3], sums[:, :, :3]
        slope = -(turn[:, :, :2] * dturn[:, :, :2]).sum(axis=1), -(turn[:, :, :2] * dturn[:, :, 2:]).sum(axis=1)
        dintrinsics.reshape(-1, 4)[...] = np.concatenate(slope, axis=1) / np.tile(intrinsics.reshape(-1, 4)[:, :2], 2)


def pinhole(points, intrinsics, min_depth=MIN_DEPTH, flow=None, coords=None, validity=None):
    """As geometry.camera.pinhole."""
    batch, _, height, width = points.shape
    flow, coords = (np.empty((batch, 2, height, width), points.dtype) if a is None else a for a in (flow, coords))
    validity = np.empty((batch, 1, height, width), points.dtype) if validity is None else validity
    numbers = points.dtype.type(min_depth), points.dtype.type(INVALID)
    _project(points, intrinsics.reshape(-1, 4), *numbers, *pixel_axes(height, width, points), flow, coords, validity)
    return flow, coords, validity


def pinhole_backward(points, intrinsics, dflow, dcoords, min_depth=MIN_DEPTH, dpoints=None, dintrinsics=None):
    """As geometry.camera.pinhole_backward."""
    batch, _, height, width = points.shape
    min_depth = points.dtype.type(min_depth)
    dcoords = np.empty((0, 2, height, width), points.dtype) if np.isscalar(dcoords) else dcoords
    if dpoints is not None:
        _points_gradient(points, intrinsics.reshape(-1, 4), min_depth, dflow, dcoords, dpoints)
    if dintrinsics is not None:
        sums = np.empty((batch, height, 4))
        _intrinsics_sums(points, min_depth, dflow, dcoords, sums)
        dintrinsics.reshape(-1, 4)[...] = sums.sum(axis=1)


def _turned(T, x, y):
    """Return the parts row (N, 3, W) and column (N, 3, H) whose sum is R (x, y, 1)."""
    R = T.reshape(-1, 4, 4)[:, :3, :3]
    return R[:, :, :1] * x[:, None] + R[:, :, 2:], R[:, :, 1:2] * y[:, None]


@kernel
def _transform(depth, row, column, t, points):
    batch, _, height, width = depth.shape
    none = depth.dtype.type(0)
    for line in prange(batch * height):
        n, i = line // height, line % height
        d = depth[n, 0, i]
        for c in range(3):
            out, along, across, shift = points[n, c, i], row[n, c], column[n, c, i], t[n, c]
            for j in range(width):
                out[j] = (along[j] + across) * d[j] + shift if d[j] != none else none


@helper(fastmath=REORDER)
def _slope_sums(slopes, d, ray):
    """Return the sums of d g ray, d g and g where there is depth."""
    none = d.dtype.type(0)
    along, whole, shift = none, none, none
    for j in range(len(d)):
        g = slopes[j] if d[j] != none else none
        along += g * d[j] * ray[j]
        whole += g * d[j]
        shift += g
    return along, whole, shift


@kernel
def _transform_gradient(depth, x, y, row, column, dpoints, ddepth, sums):
    """Write ddepth, and to `sums` for each image row the gradient (3, 4) to [R t]: sums of d dp x, d dp y, d dp and dp where
    there is depth; each if it has elements."""
    batch, _, height, width = depth.shape
    none = depth.dtype.type(0)
    for line in prange(batch * height):
        n, i = line // height, line % height
        d, ray = depth[n, 0, i], x[n]
        if ddepth.size:
            out, r0, r1, r2 = ddepth[n, 0, i], row[n, 0], row[n, 1], row[n, 2]
            c0, c1, c2 = column[n, 0, i], column[n, 1, i], column[n, 2, i]
            g0, g1, g2 = dpoints[n, 0, i], dpoints[n, 1, i], dpoints[n, 2, i]
            for j in range(width):
                slope = g0[j] * (r0[j] + c0) + g1[j] * (r1[j] + c1) + g2[j] * (r2[j] + c2)
                out[j] = slope if d[j] != none else none
        if sums.size:
            for c in range(3):
                along, whole, shift = _slope_sums(dpoints[n, c, i], d, ray)
                sums[n, i, c, 0], sums[n, i, c, 1] = along, whole * y[n, i]
                sums[n, i, c, 2], sums[n, i, c, 3] = whole, shift


@kernel
def _project(points, intrinsics, min_depth, invalid, u, v, flow, coords, validity):
    batch, _, height, width = points.shape
    zero, one = points.dtype.type(0), points.dtype.type(1)
    right, bottom = u[width - 1], v[height - 1]
    for line in prange(batch * height):
        n, i = line // height, line % height
        z, row = points[n, 2, i], v[i]
        for c in range(2):
            p, out, moved = points[n, c, i], coords[n, c, i], flow[n, c, i]
            focal, centre = intrinsics[n, c], intrinsics[n, 2 + c]
            for j in range(width):
                out[j] = p[j] * (one / z[j]) * focal + centre if z[j] > min_depth else invalid
            for j in range(width):
                moved[j] = out[j] - (u[j] if c == 0 else row)
        x, y, inside = coords[n, 0, i], coords[n, 1, i], validity[n, 0, i]
        for j in range(width):
            inside[j] = one if (x[j] >= zero) & (x[j] <= right) & (y[j] >= zero) & (y[j] <= bottom) else zero


@kernel
def _points_gradient(points, intrinsics, min_depth, dflow, dcoords, dpoints):
    batch, _, height, width = points.shape
    zero, one = points.dtype.type(0), points.dtype.type(1)
    for line in prange(batch * height):
        n, i = line // height, line % height
        x, y, z = points[n, 0, i], points[n, 1, i], points[n, 2, i]
        dx, dy, dz = dpoints[n, 0, i], dpoints[n, 1, i], dpoints[n, 2, i]
        for c in range(2):
            out, focal, slope = dpoints[n, c, i], intrinsics[n, c], dflow[n, c, i]
            out[:] = slope
            if dcoords.size:
                more = dcoords[n, c, i]
                for j in range(width):
                    out[j] += more[j]
            for j in range(width):
                out[j] = out[j] * (one / z[j]) * focal if z[j] > min_depth else zero
        for j in range(width):
            dz[j] = -(x[j] * dx[j] + y[j] * dy[j]) * (one / z[j]) if z[j] > min_depth else zero


@helper(fastmath=REORDER)
def _focal_and_centre(p, z, min_depth, slope, more, both):
    zero, one = p.dtype.type(0), p.dtype.type(1)
    focal, centre = zero, zero
    for j in range(len(p)):
        g = slope[j] + more[j] if both else slope[j]
        g = g if z[j] > min_depth else zero
        focal += g * (p[j] * (one / z[j])) if z[j] > min_depth else zero
        centre += g
    return focal, centre


@kernel
def _intrinsics_sums(points, min_depth, dflow, dcoords, sums):
    """Write for each image row the gradient to fx, fy, cx, cy."""
    batch, _, height, _ = points.shape
    for line in prange(batch * height):
        n, i = line // height, line % height
        z = points[n, 2, i]
        for c in range(2):
            p, slope = points[n, c, i], dflow[n, c, i]
            more = dcoords[n, c, i] if dcoords.size else slope
            sums[n, i, c], sums[n, i, 2 + c] = _focal_and_centre(p, z, min_depth, slope, more, dcoords.size > 0)
