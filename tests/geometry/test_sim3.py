import numpy as np
import pytest

from pycaffe_geo.geometry import sim3, so3

ANGLES = [0, 1e-12, 1e-7, 1e-5, 0.5, 0.9999999, 1.0000001, 3.1, np.pi - 1e-6, np.pi, 7]
LOG_SCALES = [0, 1e-12, -1e-7, 1e-5, -0.5, 2, -8]


def twists(angle, log_scale, count=3, seed=0):
    """Return (count, 7) numbers: rotations of that angle, random translations, and the log-scale."""
    twist = np.random.default_rng(seed).normal(size=(count, 7))
    twist[:, :3] *= angle / np.linalg.norm(twist[:, :3], axis=1, keepdims=True)
    twist[:, 6] = log_scale
    return twist


def algebra(twist):
    matrix = np.zeros((len(twist), 4, 4))
    matrix[:, :3, :3] = so3.hat(twist[:, :3]) + twist[:, 6, None, None] * np.eye(3)
    matrix[:, :3, 3] = twist[:, 3:6]
    return matrix


@pytest.mark.parametrize("log_scale", LOG_SCALES)
@pytest.mark.parametrize("angle", ANGLES)
def test_exponential_and_its_gradient_match_torch_matrix_exp(angle, log_scale):
    torch = pytest.importorskip("torch")
    twist = twists(angle, log_scale)
    dT = np.random.default_rng(1).normal(size=(3, 4, 4))
    basis = torch.tensor(algebra(np.eye(7)))
    x = torch.tensor(twist, requires_grad=True)
    T = torch.linalg.matrix_exp(torch.einsum("ni,ijk->njk", x, basis))
    (T * torch.tensor(dT)).sum().backward()
    size = max(1, np.exp(log_scale))
    np.testing.assert_allclose(sim3.exp(twist), T.detach().numpy(), rtol=0, atol=2e-13 * size)
    np.testing.assert_allclose(sim3.exp_backward(twist, dT), x.grad.numpy(), rtol=0, atol=2e-12 * size)


@pytest.mark.parametrize("angle, log_scale", [(0, 12), (0.5, 12), (4, 12), (0.5, -19)])
def test_large_scales_match_scipy_expm(angle, log_scale):
    linalg = pytest.importorskip("scipy.linalg")
    twist = twists(angle, log_scale)
    expected = np.stack([linalg.expm(m) for m in algebra(twist)])
    np.testing.assert_allclose(sim3.exp(twist), expected, rtol=0, atol=1e-12 * max(1, np.exp(log_scale)))


def test_without_scale_it_is_the_rigid_motion():
    _, b, c, _, db, dc = so3.coefficients(np.array([0, 0.3, 5.0]))
    values, by_s, _ = sim3.translation_coefficients(np.array([0, 0.3, 5.0]), np.zeros(3))
    np.testing.assert_allclose(values, [np.ones(3), b, c], rtol=1e-14)
    np.testing.assert_allclose(by_s[1:], [db, dc], rtol=1e-13)


def test_direct_translation():
    twist = twists(0.5, 0.3)
    T = sim3.exp(twist, "direct")
    np.testing.assert_array_equal(T[:, :3, 3], twist[:, 3:6])
    np.testing.assert_array_equal(T[:, :3, :3], sim3.exp(twist)[:, :3, :3])


@pytest.mark.parametrize("angle", [0, 0.5, 2])
def test_float32_stays_float32_and_accurate(angle):
    twist = twists(angle, 0.3).astype(np.float32)
    dT = np.random.default_rng(2).normal(size=(3, 4, 4)).astype(np.float32)
    T, gradient = sim3.exp(twist), sim3.exp_backward(twist, dT)
    assert T.dtype == gradient.dtype == np.float32
    np.testing.assert_allclose(T, sim3.exp(twist.astype(float)), atol=3e-6)
    np.testing.assert_allclose(gradient, sim3.exp_backward(twist.astype(float), dT.astype(float)), atol=1e-5)
