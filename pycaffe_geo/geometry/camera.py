"""The pinhole camera: depth -> points -> moved points -> pixels, each with its gradient.

Camera axes: x right, y down, z forward. Intrinsics are fx, fy, cx, cy in pixels, (N, 4) or (N, 4, 1, 1); a negative fy
is legal. Depth (N, 1, H, W) is in metres along z. Transforms are (N, 1, 4, 4) or (N, 4, 4), points (N, 3, H, W).
A backward writes only the gradients whose buffers it is given, and overwrites them.
"""

from pycaffe_geo.backend import array_module, matmul
from pycaffe_geo.geometry.grid import pixel_axes, pixel_grid
from pycaffe_geo.geometry.sampling import inside_image

MIN_DEPTH = 1e-3  # metres; points at or before it are not projected
INVALID = -2.0  # their pixel coordinates, outside every image


def scale_intrinsics(intrinsics, scale_x, scale_y, offset=0.5):
    """Return the intrinsics of the image resized by the factors new width / width and new height / height.

    Pixel centres lie at integers, so the principal point moves as cx' = (cx + offset) scale - offset with offset 0.5. Offset 0
    is right where the first pixel's centre stays in place (aligned corners).
    """
    result = intrinsics.copy()
    for axis, scale in ((0, scale_x), (1, scale_y)):
        result[:, axis] *= scale
        result[:, 2 + axis] = (result[:, 2 + axis] + offset) * scale - offset
    return result


def flip_intrinsics(intrinsics, width=None, height=None):
    """Return the intrinsics of the mirrored image: cx' = width - 1 - cx if `width` is given, and cy' likewise."""
    result = intrinsics.copy()
    for channel, size in ((2, width), (3, height)):
        if size is not None:
            result[:, channel] = size - 1 - result[:, channel]
    return result


def inverse_intrinsics(intrinsics):
    """Return K^-1 (N, 3, 3), which turns pixels (u, v, 1) into rays of depth 1."""
    xp = array_module(intrinsics)
    fx, fy, cx, cy = intrinsics.reshape(-1, 4).T
    matrix = xp.zeros((len(intrinsics), 3, 3), dtype=intrinsics.dtype)
    matrix[:, 0, 0] = 1 / fx
    matrix[:, 1, 1] = 1 / fy
    matrix[:, 0, 2] = -cx / fx
    matrix[:, 1, 2] = -cy / fy
    matrix[:, 2, 2] = 1
    return matrix


def inverse_intrinsics_backward(intrinsics, d_inverse):
    """Return the gradient to `intrinsics`, in its shape, from the gradient `d_inverse` (N, 3, 3) to K^-1."""
    xp = array_module(intrinsics)
    fx, fy, cx, cy = intrinsics.reshape(-1, 4).T
    x, y = d_inverse[:, 0], d_inverse[:, 1]
    columns = [(cx * x[:, 2] - x[:, 0]) / fx**2, (cy * y[:, 2] - y[:, 1]) / fy**2, -x[:, 2] / fx, -y[:, 2] / fy]
    return xp.stack(columns, axis=1).reshape(intrinsics.shape)


def unit_rays(intrinsics, depth):
    """Return x (N, W) and y (N, H) of the points (x, y, 1) that the pixels of `depth` (N, 1, H, W) see at depth 1.

    The principal point is taken off first: in float32 u / fx - cx / fx would lose digits where both are alike.
    """
    fx, fy, cx, cy = intrinsics.reshape(-1, 4, 1).swapaxes(0, 1)
    u, v = pixel_axes(*depth.shape[2:], depth)
    return (u - cx) / fx, (v - cy) / fy


def transform_grid(depth, T, intrinsics, out=None):
    """Return the points R (d K^-1 (u, v, 1)) + t (N, 3, H, W), in `out` if given: back-project and move in one step.

    Where there is no depth (d = 0) there is no point: it is 0, which no camera sees, and gives no gradient.
    """
    T = T.reshape(-1, 4, 4)
    known = depth != 0
    points = _rays(T[:, :3, :3], intrinsics, depth, out)
    points *= depth
    points += T[:, :3, 3, None, None] * known
    return points


def transform_grid_backward(depth, T, intrinsics, dpoints, ddepth=None, dT=None, dintrinsics=None):
    """Write the gradients to depth, transforms and intrinsics from `dpoints` (N, 3, H, W); T's last row gets 0."""
    R = T.reshape(-1, 4, 4)[:, :3, :3]
    dpoints = dpoints * (depth != 0)
    if ddepth is not None:
        _depth_gradient(R, intrinsics, depth, dpoints, ddepth)
    if dT is None and dintrinsics is None:
        return
    d_rays = _ray_matrix_gradient(depth, dpoints)
    if dT is not None:
        dT4 = dT.reshape(-1, 4, 4)
        dT4[:, 3] = 0
        dT4[:, :3, :3] = matmul(d_rays, inverse_intrinsics(intrinsics).transpose(0, 2, 1))
        dT4[:, :3, 3] = dpoints.sum(axis=(2, 3))
    if dintrinsics is not None:
        dintrinsics[...] = inverse_intrinsics_backward(intrinsics, matmul(R.transpose(0, 2, 1), d_rays))


def pinhole(points, intrinsics, min_depth=MIN_DEPTH, flow=None, coords=None, validity=None):
    """Project points (N, 3, H, W): return flow, coords (N, 2, H, W) in pixels and validity (N, 1, H, W), in the buffers given.

    coords = (fx X / Z + cx, fy Y / Z + cy); flow = coords - pixel grid; validity is 1 where Z > min_depth and the
    coordinates lie in the image (of the points' own H, W), else 0. Where Z <= min_depth the coordinates are -2.
    """
    xp = array_module(points)
    batch, _, height, width = points.shape
    flow, coords = (xp.empty((batch, 2, height, width), points.dtype) if a is None else a for a in (flow, coords))
    validity = xp.empty((batch, 1, height, width), points.dtype) if validity is None else validity
    behind, inverse = _inverse_depth(points, min_depth)
    K = intrinsics.reshape(-1, 4, 1, 1)
    xp.multiply(points[:, :2], inverse, out=coords)
    coords *= K[:, :2]
    coords += K[:, 2:]
    xp.copyto(coords, INVALID, where=behind)
    xp.subtract(coords, pixel_grid(height, width, points), out=flow)
    validity[...] = inside_image(coords, height, width)
    return flow, coords, validity


def pinhole_backward(points, intrinsics, dflow, dcoords, min_depth=MIN_DEPTH, dpoints=None, dintrinsics=None):
    """Write the gradients to points and intrinsics from `dflow` and `dcoords` (N, 2, H, W); 0 where Z <= min_depth."""
    xp = array_module(points)
    behind, inverse = _inverse_depth(points, min_depth)
    dpixels = dflow + dcoords
    xp.copyto(dpixels, 0, where=behind)
    ratio = points[:, :2] * inverse
    xp.copyto(ratio, 0, where=behind)
    if dintrinsics is not None:
        dK = dintrinsics.reshape(-1, 4)
        dK[:, :2] = (dpixels * ratio).sum(axis=(2, 3))
        dK[:, 2:] = dpixels.sum(axis=(2, 3))
    if dpoints is not None:
        dpixels *= inverse
        dpixels *= intrinsics.reshape(-1, 4, 1, 1)[:, :2]
        dpoints[:, :2] = dpixels
        ratio *= dpixels
        xp.negative(ratio.sum(axis=1), out=dpoints[:, 2])


def _inverse_depth(points, min_depth):
    """Return where Z is not above min_depth (also NaN), and 1 / Z (1 there), both (N, 1, H, W)."""
    xp = array_module(points)
    depth = points[:, 2:]
    behind = ~(depth > min_depth)
    return behind, 1 / xp.where(behind, 1, depth)


def _rays(turn, intrinsics, depth, out):
    """Return turn K^-1 (u, v, 1) (N, 3, H, W) for every pixel: a sum of a row and a column, since it is linear in u and v."""
    x, y = unit_rays(intrinsics, depth)
    row = turn[:, :, :1] * x[:, None] + turn[:, :, 2:]
    column = turn[:, :, 1:2] * y[:, None]
    return array_module(depth).add(row[:, :, None, :], column[:, :, :, None], out=out)


def _depth_gradient(turn, intrinsics, depth, dpoints, ddepth):
    xp = array_module(depth)
    rays = _rays(turn, intrinsics, depth, None)
    rays *= dpoints
    xp.sum(rays, axis=1, keepdims=True, out=ddepth)


def _ray_matrix_gradient(depth, dpoints):
    """Return the gradient (N, 3, 3) to the matrix M of points = d M (u, v, 1)."""
    xp = array_module(depth)
    u, v = pixel_axes(*depth.shape[2:], depth)
    weighted = dpoints * depth
    columns = weighted.sum(axis=2)
    by_u, by_v = matmul(columns, u.reshape(-1, 1))[..., 0], matmul(weighted.sum(axis=3), v.reshape(-1, 1))[..., 0]
    return xp.stack([by_u, by_v, columns.sum(axis=2)], axis=2)
