import numpy as np
import pytest

from pycaffe_geo.geometry import per_pixel, so3

ANGLES = (0, 1e-12, 1e-7, 1e-5, 0.5, 0.9999999, 1.0000001, 3.1, np.pi - 1e-6, np.pi, 5)


def algebra(size):
    """Return the (size, 4, 4) generators of the rotations, of the translations, and of the scale."""
    basis = np.zeros((7, 4, 4))
    basis[:3, :3, :3] = so3.hat(np.eye(3))
    basis[3:6, :3, 3] = np.eye(3)
    basis[6, :3, :3] = np.eye(3)
    return basis[:size]


def draws(size, shape=(2, 4, 5)):
    """Return twists, points and top gradients of (N, ..., H, W): rotations of the angles above in turn."""
    rng = np.random.default_rng(0)
    batch, *pixels = shape
    twist, points, dy = (rng.normal(size=(batch, channels, *pixels)) for channels in (size, 3, 3))
    w = twist[:, :3]
    w *= np.resize(ANGLES, (batch, 1, *pixels)) / np.linalg.norm(w, axis=1, keepdims=True)
    return twist, points, dy


@pytest.mark.parametrize("size", [3, 6, 7])
def test_points_and_gradients_as_torch_matrix_exp(size):
    torch = pytest.importorskip("torch")
    twist, points, dy = draws(size)
    xi, x = (torch.tensor(a, requires_grad=True) for a in (twist, points))
    T = torch.linalg.matrix_exp(torch.einsum("nphw,pij->nhwij", xi, torch.tensor(algebra(size))))
    moved = torch.einsum("nhwij,njhw->nihw", T[..., :3, :3], x) + T[..., :3, 3].permute(0, 3, 1, 2)
    (moved * torch.tensor(dy)).sum().backward()
    d_twist, d_points = np.empty_like(twist), np.empty_like(points)
    per_pixel.move_backward(twist, points, dy, d_twist=d_twist, d_points=d_points)
    np.testing.assert_allclose(per_pixel.move(twist, points), moved.detach().numpy(), atol=1e-13)
    np.testing.assert_allclose(d_points, x.grad.numpy(), atol=1e-13)
    np.testing.assert_allclose(d_twist, xi.grad.numpy(), atol=1e-11)


@pytest.mark.parametrize("size", [3, 6, 7])
def test_float32_stays_float32_and_accurate(size):
    double = draws(size)
    single = [a.astype(np.float32) for a in double]
    gradients = []
    for twist, points, dy in (double, single):
        gradients.append(np.empty_like(twist))
        per_pixel.move_backward(twist, points, dy, d_twist=gradients[-1])
    moved = per_pixel.move(*single[:2])
    assert moved.dtype == np.float32
    np.testing.assert_allclose(moved, per_pixel.move(*double[:2]), atol=1e-5)
    np.testing.assert_allclose(gradients[1], gradients[0], atol=1e-4)
