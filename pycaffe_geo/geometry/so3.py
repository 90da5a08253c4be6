"""Rotations: exponential map, its left Jacobian, the logarithm, and exact gradients.

Both matrices have the form I + b [w]x + c [w]x^2 (Rodrigues' formula), with b and c smooth functions of s = |w|^2:
exp(w) has (A, B) and its left Jacobian has (B, C), where, with t = |w|,

    A = sin t / t,   B = (1 - cos t) / t^2,   C = (t - sin t) / t^3,
    dA/ds = (C - B) / 2,   dB/ds = (A - 2 B) / (2 s),   dC/ds = (B - 3 C) / (2 s).

See Murray, Li and Sastry, "A Mathematical Introduction to Robotic Manipulation", chapter 2, for the maps themselves.
"""

from functools import lru_cache
from math import factorial

from pycaffe_geo.backend import array_module

SERIES_TERMS = 10  # below s = 1 the first term left out is under 1e-19


@lru_cache(maxsize=None)
def _series_table(xp, dtype):
    """Return the powers 0..K-1 (K,) and the Taylor coefficients in s of A, B, C, A', B', C' (K, 6)."""
    values = [[(-1) ** k / factorial(2 * k + first) for first in (1, 2, 3)] for k in range(SERIES_TERMS + 1)]
    rows = [values[k] + [(k + 1) * c for c in values[k + 1]] for k in range(SERIES_TERMS)]
    return xp.arange(SERIES_TERMS, dtype=dtype), xp.asarray(rows, dtype=dtype)


def coefficients(s):
    """Return (A, B, C, dA/ds, dB/ds, dC/ds), each (N,), at s = |w|^2 (N,): a series where s < 1, closed forms above."""
    xp = array_module(s)
    powers, table = _series_table(xp, s.dtype)
    series = (xp.minimum(s, 1)[:, None] ** powers @ table).T
    safe = xp.maximum(s, 1)  # the closed forms never see a small denominator
    t = xp.sqrt(safe)
    a = xp.sin(t) / t
    b = (1 - xp.cos(t)) / safe
    c = (1 - a) / safe
    closed = (a, b, c, (c - b) / 2, (a - 2 * b) / (2 * safe), (b - 3 * c) / (2 * safe))
    small = s < 1
    return tuple(xp.where(small, near, far) for near, far in zip(series, closed))


def hat(w):
    """Return [w]x (N, 3, 3), the matrix of the cross product: hat(w) @ p = w x p. `w` is (N, 3)."""
    xp = array_module(w)
    matrix = xp.zeros((len(w), 3, 3), dtype=w.dtype)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        matrix[:, k, j] = w[:, i]
        matrix[:, j, k] = -w[:, i]
    return matrix


def skew_part(matrix):
    """Return (M32 - M23, M13 - M31, M21 - M12) (N, 3) of `matrix` (N, 3, 3): the adjoint of hat."""
    xp = array_module(matrix)
    return xp.stack([matrix[:, k, j] - matrix[:, j, k] for j, k in ((1, 2), (2, 0), (0, 1))], axis=1)


def exp(w):
    """Return the rotation matrices (N, 3, 3) of the rotation vectors `w` (N, 3), in radians."""
    s = (w * w).sum(axis=1)
    a, b = coefficients(s)[:2]
    return _polynomial(w, s, a, b)


def exp_backward(w, dR):
    """Return the gradient dw (N, 3) of a loss whose gradient to exp(w) is `dR` (N, 3, 3)."""
    s = (w * w).sum(axis=1)
    a, b, _, da, db, _ = coefficients(s)
    return _polynomial_backward(w, s, dR, a, b, da, db)


def left_jacobian(w):
    """Return V (N, 3, 3) of rotation vectors `w` (N, 3): the SE(3) exponential has translation V u."""
    s = (w * w).sum(axis=1)
    _, b, c = coefficients(s)[:3]
    return _polynomial(w, s, b, c)


def left_jacobian_backward(w, dV):
    """Return the gradient dw (N, 3) of a loss whose gradient to left_jacobian(w) is `dV` (N, 3, 3)."""
    s = (w * w).sum(axis=1)
    _, b, c, _, db, dc = coefficients(s)
    return _polynomial_backward(w, s, dV, b, c, db, dc)


def log(R):
    """Return the rotation vectors (N, 3), of length at most pi, of the rotation matrices `R` (N, 3, 3).

    Goes through the unit quaternion built from its largest component, so it keeps full precision near 0 and near pi.
    At exactly pi either of the two opposite vectors may come out.
    """
    xp = array_module(R)
    q = _quaternion(R)
    q = xp.where(q[:, :1] < 0, -q, q)
    scalar, vector = q[:, :1], q[:, 1:]
    length = xp.sqrt((vector * vector).sum(axis=1, keepdims=True))
    tiny = length < xp.finfo(R.dtype).tiny ** 0.5
    ratio = xp.arctan2(length, scalar) / xp.where(tiny, 1, length)
    return 2 * xp.where(tiny, 1, ratio).astype(R.dtype) * vector


def _polynomial(w, s, b, c):
    """Return I + b [w]x + c [w]x^2 (N, 3, 3), using [w]x^2 = w w^T - s I."""
    xp = array_module(w)
    matrix = hat(b[:, None] * w) + c[:, None, None] * (w[:, :, None] * w[:, None, :])
    diagonal = xp.arange(3)
    matrix[:, diagonal, diagonal] += (1 - c * s)[:, None]
    return matrix


def _polynomial_backward(w, s, dM, b, c, db_ds, dc_ds):
    skew = skew_part(dM)
    trace = dM[:, 0, 0] + dM[:, 1, 1] + dM[:, 2, 2]
    symmetric_w = ((dM + dM.transpose(0, 2, 1)) @ w[:, :, None])[:, :, 0]
    db = (w * skew).sum(axis=1)
    dc = (w * symmetric_w).sum(axis=1) / 2 - s * trace
    ds = db * db_ds + dc * dc_ds - c * trace
    return b[:, None] * skew + c[:, None] * symmetric_w + 2 * ds[:, None] * w


def _quaternion(R):
    """Return unit quaternions (N, 4), scalar first, from the longest row of 4 q q^T, which is linear in R."""
    xp = array_module(R)
    outer = xp.empty((len(R), 4, 4), dtype=R.dtype)
    trace = R[:, 0, 0] + R[:, 1, 1] + R[:, 2, 2]
    outer[:, 1:, 1:] = R + R.transpose(0, 2, 1)
    outer[:, 0, 1:] = outer[:, 1:, 0] = skew_part(R)
    outer[:, 0, 0] = 1 + trace
    diagonal = xp.arange(1, 4)
    outer[:, diagonal, diagonal] += (1 - trace)[:, None]
    best = outer.diagonal(axis1=1, axis2=2).argmax(axis=1)
    row = xp.take_along_axis(outer, best[:, None, None], axis=1)[:, 0]
    return row / xp.sqrt((row * row).sum(axis=1, keepdims=True))
