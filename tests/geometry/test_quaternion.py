import numpy as np
import pytest

from pycaffe_geo.geometry import quaternion

rotation = pytest.importorskip("scipy.spatial.transform").Rotation


def rotations():
    """Return (40, 3, 3): each component the largest in turn, halves of pi, and pi about several axes."""
    random = rotation.random(28, random_state=0).as_matrix()
    turns = np.eye(3)[None] * [[[0.0]], [[1e-9]], [[np.pi / 2]], [[np.pi]]]
    return np.concatenate([random, rotation.from_rotvec(turns.reshape(-1, 3)).as_matrix()])


def numeric(function, x, weight, step=1e-4):
    """Central differences of sum(weight * function(x)), fourth order in the step; samples must not mix."""
    gradient = np.zeros_like(x)
    for i in np.ndindex(x.shape[1:]):
        for distance, factor in ((1, 8), (-1, -8), (2, -1), (-2, 1)):
            moved = x.copy()
            moved[(slice(None), *i)] += distance * step
            gradient[(slice(None), *i)] += factor * (weight * function(moved)).reshape(len(x), -1).sum(axis=1) / (12 * step)
    return gradient


def test_to_matrix_as_scipy():
    q = np.random.default_rng(0).normal(size=(9, 4))
    np.testing.assert_allclose(quaternion.to_matrix(q), rotation.from_quat(q[:, [1, 2, 3, 0]]).as_matrix(), atol=1e-15)


def test_zero_is_no_rotation_and_gives_no_gradient():
    q = np.zeros((1, 4))
    np.testing.assert_array_equal(quaternion.to_matrix(q), np.eye(3)[None])
    np.testing.assert_array_equal(quaternion.to_matrix_backward(q, np.ones((1, 3, 3))), q)


def test_from_matrix_as_scipy():
    R = rotations()
    q = quaternion.from_matrix(R)
    expected = rotation.from_matrix(R).as_quat()[:, [3, 0, 1, 2]]
    assert (q[:, 0] >= 0).all()
    assert set(abs(q).argmax(axis=1)) == {0, 1, 2, 3}
    np.testing.assert_allclose(q * np.sign((q * expected).sum(axis=1, keepdims=True)), expected, atol=2e-15)


def test_to_matrix_backward():
    q = np.random.default_rng(1).normal(size=(9, 4))
    weight = np.random.default_rng(2).normal(size=(9, 3, 3))
    np.testing.assert_allclose(quaternion.to_matrix_backward(q, weight), numeric(quaternion.to_matrix, q, weight), atol=1e-9)


def test_from_matrix_backward():
    R = rotations()[:34]  # not where two rows are equally long, nor at pi, where q jumps
    weight = np.random.default_rng(3).normal(size=(34, 4))
    expected = numeric(quaternion.from_matrix, R, weight)
    np.testing.assert_allclose(quaternion.from_matrix_backward(R, weight), expected, atol=1e-9)


def test_float32_is_kept():
    q = np.random.default_rng(4).normal(size=(3, 4)).astype(np.float32)
    R = quaternion.to_matrix(q)
    results = (R, quaternion.from_matrix(R), quaternion.to_matrix_backward(q, R), quaternion.from_matrix_backward(R, q))
    assert {r.dtype for r in results} == {np.dtype(np.float32)}
