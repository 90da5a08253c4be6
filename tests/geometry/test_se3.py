import numpy as np
import pytest

from pycaffe_geo.geometry import se3, so3

ANGLES = [0, 1e-7, 1e-5, 1e-3, 0.5, 3.1, np.pi - 1e-7, np.pi]


def twists(angle, count=5, seed=0):
    twist = np.random.default_rng(seed).normal(size=(count, 6))
    twist[:, :3] *= angle / np.linalg.norm(twist[:, :3], axis=1, keepdims=True)
    return twist


@pytest.mark.parametrize("angle", ANGLES)
def test_exponential_matches_scipy_expm(angle):
    linalg = pytest.importorskip("scipy.linalg")
    twist = twists(angle)
    algebra = np.zeros((len(twist), 4, 4))
    algebra[:, :3, :3] = so3.hat(twist[:, :3])
    algebra[:, :3, 3] = twist[:, 3:]
    np.testing.assert_allclose(se3.exp(twist), [linalg.expm(m) for m in algebra], rtol=0, atol=1e-12)


def test_rotated_and_direct_translations():
    twist = twists(0.7)
    R = so3.exp(twist[:, :3])
    for translation, expected in (("direct", twist[:, 3:]), ("rotated", np.einsum("nij,nj->ni", R, twist[:, 3:]))):
        T = se3.exp(twist, translation)
        np.testing.assert_allclose(T[:, :3, 3], expected, atol=1e-14)
        np.testing.assert_array_equal(T[:, :3, :3], R)
        np.testing.assert_array_equal(T[:, 3], np.tile([0, 0, 0, 1], (5, 1)))


@pytest.mark.parametrize("translation", se3.TRANSLATIONS)
@pytest.mark.parametrize("angle", ANGLES)
def test_exp_backward_matches_central_differences(angle, translation):
    twist = twists(angle)
    dT = np.random.default_rng(1).normal(size=(5, 4, 4))
    got = se3.exp_backward(twist, dT, translation)
    step = 1e-4
    for i in range(6):
        slope = 0
        for distance, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = twist.copy()
            moved[:, i] += distance * step
            slope += factor * (dT * se3.exp(moved, translation)).sum(axis=(1, 2)) / (12 * step)
        np.testing.assert_allclose(got[:, i], slope, rtol=0, atol=3e-11)


@pytest.mark.parametrize("angle", ANGLES)
def test_exp_backward_matches_torch_matrix_exp(angle):
    torch = pytest.importorskip("torch")
    twist = twists(angle)
    dT = np.random.default_rng(2).normal(size=(5, 4, 4))
    basis = np.zeros((6, 4, 4))
    basis[:3, :3, :3] = so3.hat(np.eye(3))
    basis[3:, :3, 3] = np.eye(3)
    x = torch.tensor(twist, requires_grad=True)
    (torch.linalg.matrix_exp(torch.einsum("ni,ijk->njk", x, torch.tensor(basis))) * torch.tensor(dT)).sum().backward()
    np.testing.assert_allclose(se3.exp_backward(twist, dT), x.grad.numpy(), rtol=0, atol=1e-11)


@pytest.mark.parametrize("translation", se3.TRANSLATIONS)
@pytest.mark.parametrize("angle", ANGLES[:-1])
def test_log_undoes_exp(angle, translation):
    twist = twists(angle)
    np.testing.assert_allclose(se3.log(se3.exp(twist, translation), translation), twist, rtol=0, atol=1e-13)


@pytest.mark.parametrize("translation", se3.TRANSLATIONS)
@pytest.mark.parametrize("angle", ANGLES)
def test_log_backward_undoes_exp_backward(angle, translation):
    """log(exp(twist)) = twist: the gradient through both is what that came in, up to pi, where no difference could be taken."""
    T = se3.exp(twists(angle), translation)
    weight = np.random.default_rng(3).normal(size=(len(T), 6))
    dT = se3.log_backward(T, weight, translation)
    through = se3.exp_backward(se3.log(T, translation), dT, translation)
    np.testing.assert_allclose(through, weight, rtol=0, atol=1e-12)
    assert not dT[:, 3].any()


def test_inverse_and_relative():
    P_a, P_b = se3.exp(twists(0.5, seed=3)), se3.exp(twists(1.5, seed=4))
    np.testing.assert_allclose(se3.inverse(P_a) @ P_a, np.tile(np.eye(4), (5, 1, 1)), atol=1e-14)
    np.testing.assert_allclose(se3.relative(P_b, P_a), np.linalg.inv(P_b) @ P_a, atol=1e-14)
    blob = P_a[:, None]
    np.testing.assert_array_equal(se3.inverse(blob)[:, 0], se3.inverse(P_a))


def test_float32_is_kept():
    twist = twists(0.5).astype(np.float32)
    T = se3.exp(twist)
    assert T.dtype == se3.log(T).dtype == se3.inverse(T).dtype == se3.exp_backward(twist, T).dtype == np.float32
    np.testing.assert_allclose(se3.log(T), twist, atol=1e-6)


def test_an_unknown_translation_is_named():
    with pytest.raises(ValueError, match="translation is 'rotate', expected one of exponential, rotated, direct"):
        se3.exp(twists(0.1), "rotate")
