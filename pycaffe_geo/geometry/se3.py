"""Rigid motions: twist (rotation first, then translation) <-> 4x4 transform, with exact gradients.

`translation` says what the last three numbers u of a twist mean:

    exponential   t = V(w) u, the exponential map of SE(3)
    rotated       t = R(w) u, what the published KITTI layer (Depth-VO-Feat) computes
    direct        t = u
"""

from pycaffe_geo.backend import array_module, matmul
from pycaffe_geo.geometry import so3

TRANSLATIONS = ("exponential", "rotated", "direct")


def exp(twist, translation="exponential"):
    """Return the transforms T (N, 4, 4) of `twist` (N, 6): rotation vector in radians, then translation in metres."""
    _check(translation)
    w, u = twist[:, :3], twist[:, 3:]
    T = from_rotation(so3.exp(w))
    if translation == "direct":
        T[:, :3, 3] = u
    else:
        V = so3.left_jacobian(w) if translation == "exponential" else T[:, :3, :3]
        T[:, :3, 3] = matmul(V, u[:, :, None])[:, :, 0]
    return T


def exp_backward(twist, dT, translation="exponential"):
    """Return the gradient to `twist` (N, 6) of a loss whose gradient to exp(twist) is `dT` (N, 4, 4).

    The last row of T is constant: that row of `dT` is not read.
    """
    _check(translation)
    xp = array_module(twist)
    w, u = twist[:, :3], twist[:, 3:]
    dR, dt = dT[:, :3, :3], dT[:, :3, 3]
    if translation == "direct":
        return xp.concatenate([so3.exp_backward(w, dR), dt], axis=1)
    dV = dt[:, :, None] * u[:, None, :]
    if translation == "rotated":
        V = so3.exp(w)
        dw = so3.exp_backward(w, dR + dV)
    else:
        V = so3.left_jacobian(w)
        dw = so3.exp_backward(w, dR) + so3.left_jacobian_backward(w, dV)
    du = matmul(dt[:, None, :], V)[:, 0]
    return xp.concatenate([dw, du], axis=1)


def log(T, translation="exponential"):
    """Return the twists (N, 6) of the transforms `T` (N, 4, 4); the rotation's length is at most pi."""
    _check(translation)
    xp = array_module(T)
    R, t = T[:, :3, :3], T[:, :3, 3:]
    w = so3.log(R)
    if translation == "exponential":
        t = xp.linalg.solve(so3.left_jacobian(w), t)
    elif translation == "rotated":
        t = matmul(R.transpose(0, 2, 1), t)
    return xp.concatenate([w, t[:, :, 0]], axis=1)


def log_backward(T, dtwist, translation="exponential"):
    """Return the gradient (N, 4, 4) to `T` from `dtwist` (N, 6), as so3.log_backward defines it; the last row gets 0."""
    _check(translation)
    xp = array_module(T)
    R, t = T[:, :3, :3], T[:, :3, 3:]
    dw, dt = dtwist[:, :3], dtwist[:, 3:, None]
    dT = xp.zeros_like(T)
    if translation == "exponential":
        w = so3.log(R)
        V = so3.left_jacobian(w)
        dt = xp.linalg.solve(V.transpose(0, 2, 1), dt)
        u = xp.linalg.solve(V, t)
        dw = dw - so3.left_jacobian_backward(w, matmul(dt, u.transpose(0, 2, 1)))
    elif translation == "rotated":
        dT[:, :3, :3] = matmul(t, dt.transpose(0, 2, 1))
        dt = matmul(R, dt)
    dT[:, :3, :3] += so3.log_backward(R, dw)
    dT[:, :3, 3:] = dt
    return dT


def from_rotation(R):
    """Return the transforms (N, 4, 4) that turn by `R` (N, 3, 3) and do not move."""
    T = array_module(R).zeros((len(R), 4, 4), dtype=R.dtype)
    T[:, :3, :3] = R
    T[:, 3, 3] = 1
    return T


def inverse(T):
    """Return the inverses (..., 4, 4) of rigid transforms `T` (..., 4, 4)."""
    xp = array_module(T)
    result = xp.zeros_like(T)
    result[..., :3, :3] = T[..., :3, :3].swapaxes(-1, -2)
    result[..., :3, 3:] = -matmul(result[..., :3, :3], T[..., :3, 3:])
    result[..., 3, 3] = 1
    return result


def inverse_backward(T, d_inverse):
    """Return the gradient (..., 4, 4) to `T` from the gradient to inverse(T) = [R^T, -R^T t]; the last rows do not count."""
    xp = array_module(T)
    R, t = T[..., :3, :3], T[..., :3, 3:]
    moved = d_inverse[..., :3, 3:]
    dT = xp.zeros_like(T)
    dT[..., :3, :3] = d_inverse[..., :3, :3].swapaxes(-1, -2) - matmul(t, moved.swapaxes(-1, -2))
    dT[..., :3, 3:] = -matmul(R, moved)
    return dT


def relative(P_b, P_a):
    """Return T_b_a (..., 4, 4), which maps points of camera a into camera b, from two camera-to-world poses."""
    return matmul(inverse(P_b), P_a)


def _check(translation):
    if translation not in TRANSLATIONS:
        raise ValueError(f"translation is {translation!r}, expected one of {', '.join(TRANSLATIONS)}")
