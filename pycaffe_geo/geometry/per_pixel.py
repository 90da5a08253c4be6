"""A motion for each pixel: twists (N, P, H, W) that move points (N, 3, H, W), all at once and without making matrices.

P = 3: rotation vector w (radians); P = 6: and translation u (metres); P = 7: and log-scale l; P = 10: and pivot c (metres), in
this order. A point X goes to e^l R(w) (X - c) + c + t with R = exp(w) and t as `translation` says: "exponential" (se3.py,
sim3.py), "rotated" t = R u (P = 6 alone), "direct" t = u. X = 0 is no point (a pixel without depth): it stays 0 and gives no
gradient.
"""

from pycaffe_geo.backend import array_module
from pycaffe_geo.geometry import sim3, so3


def move(twist, points, translation="exponential"):
    """Return the moved points (N, 3, H, W)."""
    w, u, pivot = twist[:, :3], twist[:, 3:6], twist[:, 7:]
    turn, shift = _coefficients(twist, translation)
    moved = so3.apply(w, _from_pivot(points, pivot), turn[0])
    if u.shape[1]:
        moved += u if shift is None else so3.apply(w, u, shift[0])
    if pivot.shape[1]:
        moved += pivot
    moved *= _known(points)
    return moved


def move_backward(twist, points, d_moved, translation="exponential", d_twist=None, d_points=None):
    """Write the gradients to twists and points, where their buffers are given, from `d_moved` (N, 3, H, W)."""
    w, u, pivot = twist[:, :3], twist[:, 3:6], twist[:, 7:]
    turn, shift = _coefficients(twist, translation)
    d_moved = d_moved * _known(points)
    dw, dv, *ds_dl = _pull_back(w, _from_pivot(points, pivot), turn, d_moved)
    if d_points is not None:
        d_points[...] = dv
    if d_twist is None:
        return
    if shift is not None:
        dw_too, d_twist[:, 3:6], *more = _pull_back(w, u, shift, d_moved)
        dw += dw_too
        ds_dl = [x + y for x, y in zip(ds_dl, more)]
    elif u.shape[1]:
        d_twist[:, 3:6] = d_moved
    dw += 2 * ds_dl[0] * w
    d_twist[:, :3] = dw
    d_twist[:, 6:7] = ds_dl[1]
    if pivot.shape[1]:
        d_twist[:, 7:] = d_moved - dv


def _coefficients(twist, translation):
    """Return (values, by s, by l) of the coefficients that turn the point, and those that make t of u (None: t = u)."""
    w, log_scale = twist[:, :3], twist[:, 6:7]
    s = (w * w).sum(axis=1, keepdims=True)
    A, B, C, dA, dB, dC = so3.coefficients(s)
    turn = (1, A, B), (0, dA, dB), (0, 0, 0)
    if twist.shape[1] == 3 or translation == "direct":
        shift = None
    elif translation == "rotated":
        shift = turn
    elif twist.shape[1] == 6:
        shift = (1, B, C), (0, dB, dC), (0, 0, 0)
    else:
        shift = sim3.translation_coefficients(s, log_scale)
    if twist.shape[1] >= 7:
        scale = array_module(twist).exp(log_scale)
        values, by_s, _ = ([scale * x for x in triple] for triple in turn)
        turn = values, by_s, values
    return turn, shift


def _pull_back(w, v, coefficients, dy):
    """Return the gradients to w, v (N, 3, H, W), s and l (N, 1, H, W)."""
    values, by_s, by_scale = coefficients
    dw, dv, d_values = so3.apply_backward(w, v, values, dy)
    return dw, dv, sim3.dot(d_values, by_s), sim3.dot(d_values, by_scale)


def _from_pivot(points, pivot):
    return points - pivot if pivot.shape[1] else points


def _known(points):
    return (points != 0).any(axis=1, keepdims=True)
