"""Similarities: rotation vector w, translation u and the logarithm l of the scale <-> T = [e^l R t; 0 1]."""

from pycaffe_geo.backend import array_module


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
