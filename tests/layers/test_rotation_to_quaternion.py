import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.geometry import se3, so3
from pycaffe_geo.gradient_check import build_layer, check_layer

NEAR_PI = [[3.1, 0.1, 0], [0, -3.1, 0.1], [0.1, 0, 3.1], [0.3, -0.2, 0.1]]  # x, y, z and w are the largest component


def transforms(vectors):
    return se3.from_rotation(so3.exp(np.array(vectors, dtype=float)))[:, None]


EXAMPLE = dict(bottom=[transforms(NEAR_PI)])


def forward(T):
    layer, bottom, top = build_layer("RotationToQuaternion", [T])
    layer.forward(bottom, top)
    return top[0].data


@pytest.mark.parametrize("vectors", [NEAR_PI[:1], NEAR_PI[1:2], NEAR_PI[2:3], NEAR_PI, [[0, 0, 0], [1e-7, 0, 0], [0, 1e-5, 0]]])
def test_gradient(vectors):
    """Each entry moves by itself, so that the matrices checked are no rotations; w stays above 0."""
    report = check_layer("RotationToQuaternion", [transforms(vectors)])
    assert report.ok, report


def test_forward_as_scipy():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    T = transforms([*NEAR_PI, [0, 0, 0], [1e-7, 0, 0], [np.pi - 1e-6, 0, 0], [2, 2, 2]])
    q = forward(T)
    expected = rotation.from_matrix(T[:, 0, :3, :3]).as_quat()[:, [3, 0, 1, 2]]
    assert (q[:, 0] > 0).all()
    np.testing.assert_allclose(q, expected * np.sign(expected[:, :1]), atol=2e-15)


@pytest.mark.parametrize("axis", [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0.6, 0, -0.8]])
def test_exactly_pi(axis):
    (q,) = forward(transforms([np.pi * np.array(axis)]))
    np.testing.assert_allclose(q * np.sign(q[1:] @ axis), [0, *axis], atol=1e-15)


def test_undoes_quaternion_to_rotation_both_ways():
    q = np.random.default_rng(0).normal(size=(6, 4))
    q *= np.sign(q[:, :1]) / np.linalg.norm(q, axis=1, keepdims=True)
    first, q_blobs, T_blobs = build_layer("QuaternionToRotation", [q])
    first.forward(q_blobs, T_blobs)
    second, back, top = build_layer("RotationToQuaternion", [T_blobs[0].data])
    second.forward(back, top)
    np.testing.assert_allclose(top[0].data, q, atol=1e-15)
    weight = np.random.default_rng(1).normal(size=(6, 4))
    weight -= q * (q * weight).sum(axis=1, keepdims=True)
    top[0].diff[...] = weight
    second.backward(top, [True], back)
    T_blobs[0].diff[...] = back[0].diff
    first.backward(T_blobs, [True], q_blobs)
    np.testing.assert_allclose(q_blobs[0].diff, weight, atol=1e-14)


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 3, 3\), expected \(N, 1, 4, 4\)"):
        build_layer("RotationToQuaternion", [(2, 3, 3)])
