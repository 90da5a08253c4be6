import numpy as np
import pytest

from pycaffe_geo.geometry import so3

linalg = pytest.importorskip("scipy.linalg")

ANGLES = [0, 1e-12, 1e-7, 1e-5, 1e-3, 0.5, 0.9999999, 1.0000001, 2, 3.1, np.pi - 1e-7, np.pi, 7]


def vectors(angle, count=6, seed=0):
    w = np.random.default_rng(seed).normal(size=(count, 3))
    w[:3] = np.eye(3)
    return angle * w / np.linalg.norm(w, axis=1, keepdims=True)


def numeric(function, w, weight, step=1e-4):
    """Central differences of sum(weight * function(w)) in float64, fourth order in the step."""
    gradient = np.zeros_like(w)
    for axis in range(3):
        for distance, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = w.copy()
            moved[:, axis] += distance * step
            gradient[:, axis] += factor * (weight * function(moved)).sum(axis=(1, 2)) / (12 * step)
    return gradient


def test_hat_is_the_cross_product_and_skew_part_its_adjoint():
    rng = np.random.default_rng(1)
    w, p, M = rng.normal(size=(5, 3)), rng.normal(size=(5, 3)), rng.normal(size=(5, 3, 3))
    np.testing.assert_allclose((so3.hat(w) @ p[:, :, None])[:, :, 0], np.cross(w, p), atol=1e-15)
    np.testing.assert_allclose((so3.hat(w) * M).sum(), (w * so3.skew_part(M)).sum(), rtol=1e-13)


@pytest.mark.parametrize("angle", ANGLES)
def test_exp_matches_the_matrix_exponential(angle):
    w = vectors(angle)
    expected = np.stack([linalg.expm(m) for m in so3.hat(w)])
    np.testing.assert_allclose(so3.exp(w), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("angle", ANGLES)
def test_left_jacobian_matches_the_integral_of_exp(angle):
    w = vectors(angle)
    nodes, weights = np.polynomial.legendre.leggauss(24)
    expected = sum(0.5 * q * so3.exp(0.5 * (x + 1) * w) for x, q in zip(nodes, weights))
    np.testing.assert_allclose(so3.left_jacobian(w), expected, rtol=0, atol=1e-13)


@pytest.mark.parametrize("angle", ANGLES)
@pytest.mark.parametrize("forward, backward", [(so3.exp, so3.exp_backward), (so3.left_jacobian, so3.left_jacobian_backward)])
def test_backward_matches_central_differences(forward, backward, angle):
    w = vectors(angle)
    weight = np.random.default_rng(2).normal(size=(len(w), 3, 3))
    np.testing.assert_allclose(backward(w, weight), numeric(forward, w, weight), rtol=0, atol=2e-11)


@pytest.mark.parametrize("angle", ANGLES)
def test_exp_backward_matches_torch_matrix_exp(angle):
    torch = pytest.importorskip("torch")
    w = vectors(angle)
    weight = np.random.default_rng(3).normal(size=(len(w), 3, 3))
    x = torch.tensor(w, requires_grad=True)
    basis = torch.tensor(so3.hat(np.eye(3)))
    (torch.linalg.matrix_exp(torch.einsum("ni,ijk->njk", x, basis)) * torch.tensor(weight)).sum().backward()
    np.testing.assert_allclose(so3.exp_backward(w, weight), x.grad.numpy(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("angle", [a for a in ANGLES if a <= np.pi])
def test_log_undoes_exp(angle):
    w = vectors(angle)
    back = so3.log(so3.exp(w))
    if angle == np.pi:  # w and -w are the same rotation
        back *= np.sign((back * w).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(back, w, rtol=1e-9, atol=2e-15)


def test_log_of_a_long_vector_is_the_short_way_round():
    w = vectors(5.0)
    expected = w * (5 - 2 * np.pi) / 5
    np.testing.assert_allclose(so3.log(so3.exp(w)), expected, atol=1e-14)


@pytest.mark.parametrize("angle", [0, 1e-12, 1e-7, 1e-5, 0.6, 0.68, 2, 3.1, np.pi - 1e-2])
def test_log_backward_matches_central_differences(angle):
    """In all nine entries: the formula holds for matrices that are no rotations too. Series and closed form meet at 0.643."""
    R = so3.exp(vectors(angle))
    weight = np.random.default_rng(5).normal(size=(len(R), 3))
    expected = np.zeros_like(R)
    for i in np.ndindex(3, 3):
        for distance, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = R.copy()
            moved[(slice(None), *i)] += distance * 1e-4
            expected[(slice(None), *i)] += factor * (weight * so3.log(moved)).sum(axis=1) / 12e-4
    np.testing.assert_allclose(so3.log_backward(R, weight), expected, rtol=0, atol=2e-10)


@pytest.mark.parametrize("angle", [0, 1e-12, 1e-7, 1e-5, 0.5, 3.1, np.pi - 1e-6, np.pi - 1e-9, np.pi])
def test_log_backward_undoes_exp_backward(angle):
    """log(exp(w)) = w, so the gradient through both is the one that came in: up to pi, where no difference could be taken."""
    R = so3.exp(vectors(angle))
    weight = np.random.default_rng(6).normal(size=(len(R), 3))
    through = so3.exp_backward(so3.log(R), so3.log_backward(R, weight))
    np.testing.assert_allclose(through, weight, rtol=0, atol=1e-13)


@pytest.mark.parametrize("angle", ANGLES)
def test_float32_stays_float32_and_accurate(angle):
    w = vectors(angle).astype(np.float32)
    weight = np.random.default_rng(4).normal(size=(len(w), 3, 3)).astype(np.float32)
    pairs = [(so3.exp(w), so3.exp(w.astype(float))), (so3.left_jacobian(w), so3.left_jacobian(w.astype(float))),
             (so3.exp_backward(w, weight), so3.exp_backward(w.astype(float), weight.astype(float)))]
    for single, double in pairs:
        assert single.dtype == np.float32
        np.testing.assert_allclose(single, double, rtol=0, atol=3e-6)
    assert so3.log(so3.exp(w)).dtype == np.float32
