"""Unit quaternions q = (w, x, y, z), scalar first (Hamilton's), and rotation matrices: q and -q are the same rotation.

Both ways use one constant B (16, 9), symmetric in the two quaternion indices, with which for unit quaternions

    R = B^T (q q^T),   4 q q^T = I + B R      (matrices written as vectors).

The second is linear in R; its longest row gives q without a small denominator, whatever the rotation.
"""

from functools import lru_cache

import numpy as np

from pycaffe_geo.backend import array_module, matmul


@lru_cache(maxsize=None)
def _basis(xp, dtype):
    """Return B (16, 9): R = (w^2 - v.v) I + 2 v v^T + 2 w [v]x with v = (x, y, z), as a quadratic form in q."""
    B = np.zeros((4, 4, 3, 3))
    B[0, 0] = np.eye(3)
    for i in range(3):
        j, k = (i + 1) % 3, (i + 2) % 3
        B[0, i + 1, k, j] = B[i + 1, 0, k, j] = 1
        B[0, i + 1, j, k] = B[i + 1, 0, j, k] = -1
        B[i + 1, i + 1] -= np.eye(3)
        for j in range(3):
            B[i + 1, j + 1, i, j] += 1
            B[i + 1, j + 1, j, i] += 1
    return xp.asarray(B.reshape(16, 9), dtype=dtype)


def to_matrix(q):
    """Return the rotations (N, 3, 3) of `q` (N, 4) of any length but 0; 0 counts as no rotation."""
    unit, _ = _normalise(q)
    outer = unit[:, :, None] * unit[:, None, :]
    return matmul(outer.reshape(-1, 16), _basis(array_module(q), q.dtype)).reshape(-1, 3, 3)


def to_matrix_backward(q, dR):
    """Return the gradient (N, 4) to `q` from `dR` (N, 3, 3), through the normalisation; 0 where q is 0."""
    unit, inverse = _normalise(q)
    d_outer = matmul(dR.reshape(-1, 9), _basis(array_module(q), q.dtype).T).reshape(-1, 4, 4)
    return _normalise_backward(unit, inverse, 2 * matmul(d_outer, unit[:, :, None])[:, :, 0])


def from_matrix(R):
    """Return the unit quaternions (N, 4) with w >= 0 of the rotations `R` (N, 3, 3).

    At an angle of exactly pi (w = 0) either of the two opposite quaternions may come out.
    """
    row, _ = _longest_row(R)
    q, _ = _normalise(row)
    return q * _sign(q)


def from_matrix_backward(R, dq):
    """Return the gradient (N, 3, 3) to `R` from `dq` (N, 4).

    It is that of the formula q = row / |row| with the longest row of I + B R, which is defined for the nine entries of any
    matrix; along the ways a rotation can go, all rows have the same.
    """
    xp = array_module(R)
    row, best = _longest_row(R)
    q, inverse = _normalise(row)
    d_row = _normalise_backward(q, inverse, dq * _sign(q))
    d_outer = (xp.arange(4)[None, :, None] == best) * d_row[:, None, :]
    return matmul(d_outer.reshape(-1, 16), _basis(xp, R.dtype)).reshape(-1, 3, 3)


def _longest_row(R):
    """Return the longest row (N, 4) of I + B R, and which it is (N, 1, 1)."""
    xp = array_module(R)
    outer = matmul(R.reshape(-1, 9), _basis(xp, R.dtype).T).reshape(-1, 4, 4) + xp.eye(4, dtype=R.dtype)
    best = outer.diagonal(axis1=1, axis2=2).argmax(axis=1)[:, None, None]
    return xp.take_along_axis(outer, best, axis=1)[:, 0], best


def _sign(q):
    """Return -1 where w < 0, else 1, (N, 1)."""
    return 1 - 2 * (q[:, :1] < 0).astype(q.dtype)


def _normalise(q):
    """Return q / |q| (N, 4) and 1 / |q| (N, 1); (1, 0, 0, 0) and 0 where q is 0."""
    xp = array_module(q)
    length = xp.sqrt((q * q).sum(axis=1, keepdims=True))
    none = (length == 0).astype(q.dtype)
    inverse = (1 - none) / (length + none)
    unit = q * inverse
    unit[:, :1] += none
    return unit, inverse


def _normalise_backward(unit, inverse, d_unit):
    return (d_unit - unit * (unit * d_unit).sum(axis=1, keepdims=True)) * inverse
