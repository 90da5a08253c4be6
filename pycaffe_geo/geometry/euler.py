"""Rotations from angles (N, 3) about the x, y and z axis (always in that order), in radians.

The order says the product: "xyz" is R = Rx Ry Rz (SfMLearner), "zyx" is R = Rz Ry Rx (gvnn). Angles may be any; they are not
clipped to +-pi as SfMLearner does, since R is periodic and a clip would only stop the gradient.
"""

from pycaffe_geo.backend import array_module, matmul
from pycaffe_geo.geometry import so3

ORDERS = ("xyz", "xzy", "yxz", "yzx", "zxy", "zyx")


def matrix(angles, order="xyz"):
    """Return the rotations (N, 3, 3) of `angles` (N, 3)."""
    first, second, third = (_turn(angles, axis) for axis in order)
    return matmul(matmul(first, second), third)


def matrix_backward(angles, dR, order="xyz"):
    """Return the gradient (N, 3) to `angles` from `dR` (N, 3, 3), exact everywhere, gimbal lock included.

    More of the angle about axis e turns R = L M N (M being about e) about the axis L e: dR = [L e]x R.
    """
    xp = array_module(angles)
    first, second, _ = (_turn(angles, axis) for axis in order)
    around = so3.skew_part(matmul(dR, matrix(angles, order).swapaxes(1, 2)))  # the gradient to a turn about each world axis
    left = {order[0]: first, order[1]: first, order[2]: matmul(first, second)}  # a turn keeps its own axis: L or L M is the same
    return xp.stack([(left[axis][:, :, i] * around).sum(axis=1) for i, axis in enumerate("xyz")], axis=1)


def _turn(angles, axis):
    xp = array_module(angles)
    i = "xyz".index(axis)
    j, k = (i + 1) % 3, (i + 2) % 3
    R = xp.zeros((len(angles), 3, 3), dtype=angles.dtype)
    cos, sin = xp.cos(angles[:, i]), xp.sin(angles[:, i])
    R[:, i, i] = 1
    R[:, j, j] = R[:, k, k] = cos
    R[:, k, j] = sin
    R[:, j, k] = -sin
    return R
