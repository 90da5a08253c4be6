import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(3, 4)])
HALF_TURN = np.array([[0.0, 0.6, 0, 0.8]])


@pytest.mark.parametrize("q", [np.array([[1.0, 0, 0, 0]]), np.array([[-2.0, 1e-7, 0, 0]]), HALF_TURN, 50 * HALF_TURN])
def test_gradient(q):
    report = check_layer("QuaternionToRotation", [q])
    assert report.ok, report


def test_gradient_of_four_axes():
    report = check_layer("QuaternionToRotation", [(3, 4, 1, 1)])
    assert report.ok, report


def test_forward_as_scipy():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    layer, bottom, top = build_layer("QuaternionToRotation", [(5, 4)])
    layer.forward(bottom, top)
    expected = np.tile(np.eye(4), (5, 1, 1))
    expected[:, :3, :3] = rotation.from_quat(bottom[0].data[:, [1, 2, 3, 0]]).as_matrix()
    np.testing.assert_allclose(top[0].data[:, 0], expected, atol=1e-15)


def test_zero_is_no_rotation():
    layer, bottom, top = build_layer("QuaternionToRotation", [np.zeros((1, 4))])
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data[0, 0], np.eye(4))
    top[0].diff[...] = 1
    layer.backward(top, [True], bottom)
    assert not bottom[0].diff.any()


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 3\), expected \(N, 4\) or \(N, 4, 1, 1\)"):
        build_layer("QuaternionToRotation", [(2, 3)])
