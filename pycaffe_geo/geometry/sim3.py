"""Similarities: seven numbers (rotation vector w, translation u, log-scale l, in this order) -> T = [e^l R(w) t; 0 1].

`translation` says what u means: "exponential" t = W u, the exponential map of Sim(3), whose algebra is [l I + [w]x, u; 0 0]
(Strasdat, "Local accuracy and global consistency for efficient visual SLAM", 2012); "direct" t = u. With s = |w|^2, t = |w|,

    W = integral over x in [0, 1] of e^(l x) exp(x w) = a I + b [w]x + c [w]x^2,
    a = integral of e^(l x),   b = integral of e^(l x) sin(t x) / t,   c = integral of e^(l x) (1 - cos(t x)) / s.

At l = 0 they are 1, B and C of so3.py.
"""

from functools import lru_cache
from math import factorial

import numpy as np

from pycaffe_geo.backend import array_module, matmul
from pycaffe_geo.geometry import so3

NODES = 16  # of Gauss and Legendre: the moments are exact to 1e-13 of e^l up to |l| = 20
SERIES_TERMS = 10  # below s = 1 the first term left out is under 1e-19


def exp(twist, translation="exponential"):
    """Return the similarities T (N, 4, 4) of `twist` (N, 7)."""
    w, u, log_scale = twist[:, :3], twist[:, 3:6], twist[:, 6]
    if translation == "exponential":
        u = so3.apply(w, u, translation_coefficients(_squared(w), log_scale[:, None])[0])
    return assemble(so3.exp(w), u, log_scale)


def exp_backward(twist, dT, translation="exponential"):
    """Return the gradient (N, 7) to `twist` from `dT` (N, 4, 4), whose last row is not read."""
    xp = array_module(twist)
    w, u, log_scale = twist[:, :3], twist[:, 3:6], twist[:, 6]
    dR, du, dscale = assemble_backward(so3.exp(w), log_scale, dT)
    dw = so3.exp_backward(w, dR)
    if translation == "exponential":
        values, by_s, by_scale = translation_coefficients(_squared(w), log_scale[:, None])
        dw_here, du, d_values = so3.apply_backward(w, u, values, du)
        dw += dw_here + 2 * w * dot(d_values, by_s)
        dscale += dot(d_values, by_scale)
    return xp.concatenate([dw, du, dscale], axis=1)


def assemble(R, t, log_scale):
    """Return T (N, 4, 4) of rotations `R` (N, 3, 3), translations `t` (N, 3) and `log_scale` (N,)."""
    xp = array_module(R)
    T = xp.zeros((len(R), 4, 4), dtype=R.dtype)
    T[:, :3, :3] = R * xp.exp(log_scale)[:, None, None]
    T[:, :3, 3] = t
    T[:, 3, 3] = 1
    return T


def assemble_backward(R, log_scale, dT):
    """Return the gradients to R (N, 3, 3), t (N, 3) and log_scale (N, 1) from `dT` (N, 4, 4), whose last row is not read."""
    xp = array_module(R)
    dR = dT[:, :3, :3] * xp.exp(log_scale)[:, None, None]
    return dR, dT[:, :3, 3], (dR * R).sum(axis=(1, 2))[:, None]


def translation_coefficients(s, log_scale):
    """Return (a, b, c) of W, their derivatives by s and by the log-scale: three triples in the shape of `s` and `log_scale`.

    Where s < 1 a series in s whose coefficients are moments of e^(l x); above, with z = l + i t and f = (e^z - 1) / z,
    b = Im f / t and c = (a - Re f) / s.
    """
    xp = array_module(s)
    shape, s, log_scale = s.shape, s.reshape(-1), log_scale.reshape(-1)
    moments = _moments(log_scale)
    a, a_l = moments[:, 0], moments[:, 1]
    series = _series(xp.minimum(s, 1), moments)
    closed = _closed(xp.maximum(s, 1), log_scale, a, a_l)
    small = s < 1
    b, c, b_s, c_s, b_l, c_l = (xp.where(small, near, far).reshape(shape) for near, far in zip(series, closed))
    a, a_l = a.reshape(shape), a_l.reshape(shape)
    return (a, b, c), (0, b_s, c_s), (a_l, b_l, c_l)


def dot(gradients, derivatives):
    """Return the sum of gradient * derivative over two triples."""
    return sum(g * d for g, d in zip(gradients, derivatives))


def _squared(w):
    return (w * w).sum(axis=1, keepdims=True)


@lru_cache(maxsize=None)
def _quadrature(xp, dtype):
    """Return nodes x (K,) in [0, 1] and the table weight * x^j (K, 2 SERIES_TERMS + 3), which makes moments of e^(l x)."""
    x, weights = np.polynomial.legendre.leggauss(NODES)
    x = (x + 1) / 2
    table = weights[:, None] / 2 * x[:, None] ** np.arange(2 * SERIES_TERMS + 3)
    return xp.asarray(x, dtype=dtype), xp.asarray(table, dtype=dtype)


def _moments(log_scale):
    """Return the integrals of x^j e^(l x) over [0, 1], (N, 2 SERIES_TERMS + 3)."""
    xp = array_module(log_scale)
    x, table = _quadrature(xp, log_scale.dtype)
    return matmul(xp.exp(log_scale[:, None] * x), table)


@lru_cache(maxsize=None)
def _factors(xp, dtype):
    """Return the powers k = 0..K-1 (K,) and the factors of s^k in b, c, db/ds and dc/ds (4, K)."""
    k = np.arange(SERIES_TERMS)
    b, c = (np.array([(-1) ** i / factorial(2 * i + first) for i in range(SERIES_TERMS + 1)]) for first in (1, 2))
    return xp.asarray(k, dtype=dtype), xp.asarray(np.array([b[:-1], c[:-1], (k + 1) * b[1:], (k + 1) * c[1:]]), dtype=dtype)


def _series(s, moments):
    """Return b, c, db/ds, dc/ds, db/dl, dc/dl, each (N,): one more x in the integral is one moment on."""
    k, (b, c, b_s, c_s) = _factors(array_module(s), s.dtype)
    powers = s[:, None] ** k
    first, second, third, fourth = (powers * moments[:, j:][:, : 2 * SERIES_TERMS : 2] for j in (1, 2, 3, 4))
    pairs = (first, b), (second, c), (third, b_s), (fourth, c_s), (second, b), (third, c)
    return tuple((power * factor).sum(axis=1) for power, factor in pairs)


def _closed(s, log_scale, a, a_l):
    """Return b, c, db/ds, dc/ds, db/dl, dc/dl, each (N,), for s >= 1, where no denominator is small."""
    xp = array_module(s)
    t = xp.sqrt(s)
    z = log_scale + 1j * t
    power = xp.exp(z)
    f = (power - 1) / z
    slope = (power - f) / z
    b, c = f.imag / t, (a - f.real) / s
    b_l, c_l = slope.imag / t, (a_l - slope.real) / s
    return b, c, (slope.real - b) / (2 * s), (b_l / 2 - c) / s, b_l, c_l
