"""Rotations: exponential map, its left Jacobian, the logarithm, and exact gradients.

Both matrices have the form I + b [w]x + c [w]x^2 (Rodrigues' formula), with b and c smooth functions of s = |w|^2:
exp(w) has (A, B) and its left Jacobian has (B, C), where, with t = |w|,

    A = sin t / t,   B = (1 - cos t) / t^2,   C = (t - sin t) / t^3,
    dA/ds = (C - B) / 2,   dB/ds = (A - 2 B) / (2 s),   dC/ds = (B - 3 C) / (2 s).

See Murray, Li and Sastry, "A Mathematical Introduction to Robotic Manipulation", chapter 2, for the maps themselves.
"""

from functools import lru_cache
from math import comb, factorial

from pycaffe_geo.backend import array_module, matmul
from pycaffe_geo.geometry import quaternion

SERIES_TERMS = 10  # below s = 1 the first term left out is under 1e-19
SMALL_SINE = 0.1  # of half the angle, squared
RATIO_TERMS = 16  # below it the first term left out is under 1e-16


@lru_cache(maxsize=None)
def series_table(xp, dtype):
    """Return the powers 0..K-1 (K,) and the Taylor coefficients in s of A, B, C, A', B', C' (K, 6)."""
    values = [[(-1) ** k / factorial(2 * k + first) for first in (1, 2, 3)] for k in range(SERIES_TERMS + 1)]
    rows = [values[k] + [(k + 1) * c for c in values[k + 1]] for k in range(SERIES_TERMS)]
    return xp.arange(SERIES_TERMS, dtype=dtype), xp.asarray(rows, dtype=dtype)


def coefficients(s):
    """Return (A, B, C, dA/ds, dB/ds, dC/ds), each in the shape of s = |w|^2: a series where s < 1, closed forms above."""
    xp = array_module(s)
    shape, s = s.shape, s.reshape(-1)
    powers, table = series_table(xp, s.dtype)
    series = matmul(xp.minimum(s, 1)[:, None] ** powers, table).T
    safe = xp.maximum(s, 1)  # the closed forms never see a small denominator
    t = xp.sqrt(safe)
    a = xp.sin(t) / t
    b = (1 - xp.cos(t)) / safe
    c = (1 - a) / safe
    closed = (a, b, c, (c - b) / 2, (a - 2 * b) / (2 * safe), (b - 3 * c) / (2 * safe))
    small = s < 1
    return tuple(xp.where(small, near, far).reshape(shape) for near, far in zip(series, closed))


def hat(w):
    """Return [w]x (N, 3, 3), the matrix of the cross product: hat(w) @ p = w x p. `w` is (N, 3)."""
    xp = array_module(w)
    matrix = xp.zeros((len(w), 3, 3), dtype=w.dtype)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        matrix[:, k, j] = w[:, i]
        matrix[:, j, k] = -w[:, i]
    return matrix


def cross(a, b):
    """Return a x b (N, 3, ...) of the vectors `a` and `b`, both of that shape."""
    result = array_module(a).empty_like(a)
    for i, j, k in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        result[:, i] = a[:, j] * b[:, k] - a[:, k] * b[:, j]
    return result


def apply(w, v, coefficients):
    """Return (a I + b [w]x + c [w]x^2) v (N, 3, ...) for `w` and `v` of that shape; a, b, c (N, 1, ...) are the coefficients.

    exp(w) v has (1, A, B), and left_jacobian(w) v has (1, B, C); no matrices are made.
    """
    a, b, c = coefficients
    once = cross(w, v)
    return a * v + b * once + c * cross(w, once)


def apply_backward(w, v, coefficients, dy):
    """Return the gradients to w (as far as it is seen in [w]x), to v, and to a, b, c (N, 1, ...) from `dy` (N, 3, ...)."""
    a, b, c = coefficients
    once = cross(w, v)
    d_twice = c * dy
    d_once = b * dy + cross(d_twice, w)
    dw = cross(once, d_twice) + cross(v, d_once)
    dv = a * dy + cross(d_once, w)
    return dw, dv, [(dy * x).sum(axis=1, keepdims=True) for x in (v, once, cross(w, once))]


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

    Goes through the unit quaternion (c, v), built from its largest component, as w = f v with f = 2 atan2(|v|, c) / |v|, so
    it keeps full precision near 0 and near pi. At exactly pi either of the two opposite vectors may come out.
    """
    q = quaternion.from_matrix(R)
    return _half_angle_ratio(q)[0] * q[:, 1:]


def log_backward(R, dw):
    """Return the gradient (N, 3, 3) to `R` from `dw` (N, 3): the formula's, in the nine entries of any matrix.

    df/dc = -2 and df/d|v| = h |v| with h = (2 c - f) / |v|^2, on unit quaternions; both stay finite near 0 and near pi.
    """
    xp = array_module(R)
    q = quaternion.from_matrix(R)
    f, h = _half_angle_ratio(q)
    v = q[:, 1:]
    along = (v * dw).sum(axis=1, keepdims=True)
    return quaternion.from_matrix_backward(R, xp.concatenate([-2 * along, f * dw + h * along * v], axis=1))


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
    symmetric_w = matmul(dM + dM.transpose(0, 2, 1), w[:, :, None])[:, :, 0]
    db = (w * skew).sum(axis=1)
    dc = (w * symmetric_w).sum(axis=1) / 2 - s * trace
    ds = db * db_ds + dc * dc_ds - c * trace
    return b[:, None] * skew + c[:, None] * symmetric_w + 2 * ds[:, None] * w


@lru_cache(maxsize=None)
def _ratio_table(xp, dtype):
    """Return the powers 0..K-1 (K,) and the Taylor coefficients in x = |v|^2 of f = 2 asin(|v|) / |v| and h, (K, 2)."""
    central = [comb(2 * k, k) / 4**k for k in range(RATIO_TERMS + 1)]
    rows = [[2 * central[k] / (2 * k + 1), -8 * (k + 1) / (4 * (k + 1) ** 2 - 1) * central[k + 1]] for k in range(RATIO_TERMS)]
    return xp.arange(RATIO_TERMS, dtype=dtype), xp.asarray(rows, dtype=dtype)


def _half_angle_ratio(q):
    """Return f and h of `log` and `log_backward`, (N, 1), for unit quaternions with w >= 0: a series where |v|^2 < 0.1."""
    xp = array_module(q)
    x = (q[:, 1:] ** 2).sum(axis=1, keepdims=True)
    powers, table = _ratio_table(xp, q.dtype)
    near = matmul(xp.minimum(x, SMALL_SINE) ** powers, table)
    safe = xp.maximum(x, SMALL_SINE)
    length, c = xp.sqrt(safe), q[:, :1]
    f = 2 * xp.arctan2(length, c) / length
    small = x < SMALL_SINE
    return xp.where(small, near[:, :1], f), xp.where(small, near[:, 1:], (2 * c - f) / safe)
