"""Lens distortion after Brown and Conrady, with OpenCV's coefficients k1, k2, p1, p2, k3 in its order, and its gradients.

With x = (u - cx) / fx, y = (v - cy) / fy and s = x^2 + y^2:

    x' = x (1 + k1 s + k2 s^2 + k3 s^3) + 2 p1 x y + p2 (s + 2 x^2)
    y' = y (1 + k1 s + k2 s^2 + k3 s^3) + p1 (s + 2 y^2) + 2 p2 x y

and u' = fx x' + cx, v' = fy y' + cy. Formula: the documentation of OpenCV's module calib3d.
"""

from pycaffe_geo.backend import array_module
from pycaffe_geo.geometry.camera import INVALID

FAR = 100  # |x| and |y| from here on, 89.4 degrees from the axis, are no pixels of any camera; their powers may overflow


def distort(coords, intrinsics, coefficients, out):
    """Write the distorted coordinates (N, 2, H, W) of `coords` to `out`, all in pixels.

    intrinsics: (N, 4) or (N, 4, 1, 1); coefficients: (N or 1, 5[, 1, 1]). Coordinates become -2, PinholeProjection's mark of a
    point it cannot see, where they are -2 already, and where the model folds the picture: from the radius on where the
    distorted radius stops to grow, far points would come back into the image.
    """
    xp = array_module(coords)
    K, k = _columns(intrinsics), _columns(coefficients)
    valid, x, y = _normalised(coords, K, k)
    s, radial, _ = _radial(x, y, k)
    for channel, value in enumerate(_distorted(x, y, s, radial, k)):
        out[:, channel] = xp.where(valid, K[channel] * value + K[2 + channel], INVALID)


def distort_backward(coords, intrinsics, coefficients, dout, dcoords=None, dintrinsics=None, dcoefficients=None):
    """Write the gradients from `dout` (N, 2, H, W) into the buffers given; 0 where `distort` gives -2."""
    xp = array_module(coords)
    K, k = _columns(intrinsics), _columns(coefficients)
    valid, x, y = _normalised(coords, K, k)
    du, dv = xp.where(valid[:, None], dout, 0).swapaxes(0, 1)
    s, radial, slope = _radial(x, y, k)
    dx_out, dy_out = du * K[0], dv * K[1]
    if dcoords is not None or dintrinsics is not None:
        dx, dy = _back_through_lens(x, y, radial, slope, k, dx_out, dy_out)
        dx, dy = dx / K[0], dy / K[1]  # now to u and v
    if dcoords is not None:
        dcoords[:, 0], dcoords[:, 1] = dx, dy
    if dintrinsics is not None:
        x_out, y_out = _distorted(x, y, s, radial, k)
        parts = [du * x_out - dx * x, dv * y_out - dy * y, du - dx, dv - dy]
        dintrinsics[...] = _sums(parts).reshape(dintrinsics.shape)
    if dcoefficients is not None:
        along, twice_xy = dx_out * x + dy_out * y, 2 * x * y
        p1 = dx_out * twice_xy + dy_out * (s + 2 * y * y)
        p2 = dx_out * (s + 2 * x * x) + dy_out * twice_xy
        dcoefficients[...] = _sums([along * s, along * s * s, p1, p2, along * s * s * s]).reshape(dcoefficients.shape)


def _columns(a):
    """Return the numbers (N, P[, 1, 1]) as P arrays (N, 1, 1)."""
    return a.reshape(*a.shape[:2], 1, 1).swapaxes(0, 1)


def _sums(parts):
    return array_module(parts[0]).stack([part.sum(axis=(1, 2)) for part in parts], axis=1)


def _normalised(coords, K, k):
    """Return where pixels can be distorted, and x and y, 0 elsewhere; all (N, H, W)."""
    xp = array_module(coords)
    u, v = coords[:, 0], coords[:, 1]
    x, y = (u - K[2]) / K[0], (v - K[3]) / K[1]
    near = ((u != INVALID) | (v != INVALID)) & (abs(x) < FAR) & (abs(y) < FAR)
    x, y = xp.where(near, x, 0), xp.where(near, y, 0)
    s = x * x + y * y
    valid = near & (_growth(s, k) > 0) & (s < _first_dip(k))
    return valid, xp.where(valid, x, 0), xp.where(valid, y, 0)


def _radial(x, y, k):
    """Return s, the radial factor, and its slope in s."""
    k1, k2, _, _, k3 = k
    s = x * x + y * y
    return s, 1 + s * (k1 + s * (k2 + s * k3)), k1 + s * (2 * k2 + s * (3 * k3))


def _growth(s, k):
    """Return the slope of the distorted radius by the radius."""
    k1, k2, _, _, k3 = k
    return 1 + s * (3 * k1 + s * (5 * k2 + 7 * s * k3))


def _first_dip(k):
    """Return the s where the growth, a cubic, is smallest, if that is not above 0: it may recover, but the fold is before."""
    xp = array_module(k)
    a, b, c = 21 * k[4], 10 * k[1], 3 * k[0]  # the growth's slope is a s^2 + b s + c
    square = b * b - 4 * a * c
    q = -(b + xp.copysign(xp.sqrt(xp.maximum(square, 0)), b)) / 2
    first = xp.full_like(a, xp.inf)
    for top, bottom in ((q, a), (c, q)):
        exists = (square >= 0) & (bottom != 0) & (top * bottom > 0)
        s = top / xp.where(exists, bottom, 1)
        first = xp.where(exists & (_growth(s, k) <= 0), xp.minimum(first, s), first)
    return first


def _distorted(x, y, s, radial, k):
    p1, p2 = k[2], k[3]
    return x * radial + 2 * p1 * x * y + p2 * (s + 2 * x * x), y * radial + p1 * (s + 2 * y * y) + 2 * p2 * x * y


def _back_through_lens(x, y, radial, slope, k, dx_out, dy_out):
    """Return the gradients to x and y. The Jacobian is symmetric."""
    p1, p2 = k[2], k[3]
    xx = radial + 2 * x * x * slope + 2 * p1 * y + 6 * p2 * x
    xy = 2 * (x * y * slope + p1 * x + p2 * y)
    yy = radial + 2 * y * y * slope + 6 * p1 * y + 2 * p2 * x
    return xx * dx_out + xy * dy_out, xy * dx_out + yy * dy_out
