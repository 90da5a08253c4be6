"""geometry.se3's exp and exp_backward compiled: one loop over the few twists, in float64 (formulas: geometry/so3.py)."""

import numpy as np

from pycaffe_geo.geometry import se3, so3
from pycaffe_geo.ops.fast.compiler import helper, kernel

TABLE = np.ascontiguousarray(so3.series_table(np, np.float64)[1].T)  # (6, K): the series of A, B, C, A', B', C' in |w|^2


def exp(twist, translation="exponential"):
    """As geometry.se3.exp."""
    T = np.empty((len(twist), 4, 4), twist.dtype)
    _exp(twist, se3.TRANSLATIONS.index(translation), TABLE, T)
    return T


def exp_backward(twist, dT, translation="exponential"):
    """As geometry.se3.exp_backward."""
    dtwist = np.empty_like(twist)
    _exp_backward(twist, dT, se3.TRANSLATIONS.index(translation), TABLE, dtwist)
    return dtwist


@helper
def _coefficients(w, table):
    """Return s = |w|^2 and an array of A, B, C, dA/ds, dB/ds, dC/ds."""
    s = w[0] * w[0] + w[1] * w[1] + w[2] * w[2]
    values = np.zeros(6)
    if s < 1:
        for i in range(6):
            for k in range(table.shape[1] - 1, -1, -1):
                values[i] = values[i] * s + table[i, k]
        return s, values
    t = np.sqrt(s)
    a, b = np.sin(t) / t, (1 - np.cos(t)) / s
    c = (1 - a) / s
    values[:] = (a, b, c, (c - b) / 2, (a - 2 * b) / (2 * s), (b - 3 * c) / (2 * s))
    return s, values


@helper
def _polynomial(w, s, b, c):
    """Return I + b [w]x + c [w]x^2."""
    matrix = np.empty((3, 3))
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        matrix[i, i] = 1 - c * s + c * w[i] * w[i]
        matrix[k, j] = b * w[i] + c * w[j] * w[k]
        matrix[j, k] = -b * w[i] + c * w[j] * w[k]
    return matrix


@helper
def _add_gradient(w, s, dM, b, c, db_ds, dc_ds, dw):
    """Add to dw what so3._polynomial_backward returns."""
    trace = dM[0, 0] + dM[1, 1] + dM[2, 2]
    skew, symmetric = np.empty(3), np.empty(3)
    db, dc = 0.0, -s * trace
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        skew[i] = dM[k, j] - dM[j, k]
        symmetric[i] = 2 * dM[i, i] * w[i] + (dM[i, j] + dM[j, i]) * w[j] + (dM[i, k] + dM[k, i]) * w[k]
        db += w[i] * skew[i]
        dc += w[i] * symmetric[i] / 2
    ds = db * db_ds + dc * dc_ds - c * trace
    for i in range(3):
        dw[i] += b * skew[i] + c * symmetric[i] + 2 * ds * w[i]


@helper
def _mover(w, s, f, translation):
    """Return V with t = V u."""
    if translation == 0:
        return _polynomial(w, s, f[1], f[2])
    return _polynomial(w, s, f[0], f[1]) if translation == 1 else np.eye(3)


@kernel(parallel=False)
def _exp(twist, translation, table, T):
    for n in range(len(twist)):
        w, u = twist[n, :3].astype(np.float64), twist[n, 3:].astype(np.float64)
        s, f = _coefficients(w, table)
        R, V = _polynomial(w, s, f[0], f[1]), _mover(w, s, f, translation)
        for i in range(3):
            T[n, 3, i] = 0
            T[n, i, 3] = V[i, 0] * u[0] + V[i, 1] * u[1] + V[i, 2] * u[2]
            for j in range(3):
                T[n, i, j] = R[i, j]
        T[n, 3, 3] = 1


@kernel(parallel=False)
def _exp_backward(twist, dT, translation, table, dtwist):
    dR, dV, dw = np.empty((3, 3)), np.empty((3, 3)), np.empty(3)
    for n in range(len(twist)):
        w, u = twist[n, :3].astype(np.float64), twist[n, 3:].astype(np.float64)
        s, f = _coefficients(w, table)
        V = _mover(w, s, f, translation)
        dw[:] = 0
        for i in range(3):
            for j in range(3):
                dV[i, j] = dT[n, i, 3] * u[j]
                dR[i, j] = dT[n, i, j] + (dV[i, j] if translation == 1 else 0.0)
        _add_gradient(w, s, dR, f[0], f[1], f[3], f[4], dw)
        if translation == 0:
            _add_gradient(w, s, dV, f[1], f[2], f[4], f[5], dw)
        for i in range(3):
            dtwist[n, i] = dw[i]
            dtwist[n, 3 + i] = V[0, i] * dT[n, 0, 3] + V[1, i] * dT[n, 1, 3] + V[2, i] * dT[n, 2, 3]
