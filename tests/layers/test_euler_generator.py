import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.geometry.euler import ORDERS
from pycaffe_geo.gradient_check import build_layer, check_layer

SFM = {"parts": ["translation", "rotation"], "order": "xyz"}
EXAMPLE = dict(bottom=[(3, 7)], euler_generator_param={"parts": ["rotation", "scale", "translation"], "order": "zyx"})


def forward(numbers, **param):
    layer, bottom, top = build_layer("EulerGenerator", [numbers], euler_generator_param=param)
    layer.forward(bottom, top)
    return top[0].data[:, 0]


@pytest.mark.parametrize("order", ORDERS)
def test_gradient(order):
    report = check_layer("EulerGenerator", [(3, 6)], euler_generator_param={"order": order})
    assert report.ok, report


@pytest.mark.parametrize("parts, size", [(["rotation"], 3), (["translation"], 3), (["rotation", "scale", "translation"], 7)])
def test_gradient_of_parts(parts, size):
    report = check_layer("EulerGenerator", [(1, size, 1, 1)], euler_generator_param={"parts": parts})
    assert report.ok, report


@pytest.mark.parametrize("angle", (0, 1e-7, 1e-5, np.pi / 2, np.pi - 1e-6, np.pi, 4))
def test_gradient_at_special_angles(angle):
    """At pi / 2 two axes coincide (gimbal lock): the map to angles breaks there, the map from them does not."""
    report = check_layer("EulerGenerator", [np.full((1, 6), angle)], tolerance=1e-8, euler_generator_param=SFM)
    assert report.ok, report


@pytest.mark.parametrize("order", ORDERS)
def test_rotation_as_scipy(order):
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    numbers = np.random.default_rng(0).normal(size=(4, 6))
    T = forward(numbers, order=order)
    angles = numbers[:, ["xyz".index(axis) for axis in order]]
    np.testing.assert_allclose(T[:, :3, :3], rotation.from_euler(order.upper(), angles).as_matrix(), atol=1e-14)
    np.testing.assert_array_equal(T[:, :3, 3], numbers[:, 3:])
    np.testing.assert_array_equal(T[:, 3], np.tile([0, 0, 0, 1], (4, 1)))


def test_sfmlearner_by_hand():
    T = forward(np.array([[1, 2, 3, np.pi / 2, 0, 0.3]]), **SFM)
    c, s = np.cos(0.3), np.sin(0.3)
    about_x_times_about_z = np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]) @ [[c, -s, 0], [s, c, 0], [0, 0, 1]]
    np.testing.assert_allclose(T[0, :3, :3], about_x_times_about_z, atol=1e-15)
    np.testing.assert_array_equal(T[0, :3, 3], [1, 2, 3])
    np.testing.assert_array_equal(T, forward(np.array([[1, 2, 3, np.pi / 2, 0, 0.3]]), parts=SFM["parts"]))  # the default order


def test_scale_is_a_logarithm_and_leaves_the_translation_alone():
    numbers = np.random.default_rng(1).normal(size=(2, 7))
    T = forward(numbers, parts=["rotation", "scale", "translation"])
    plain = forward(np.delete(numbers, 3, axis=1))
    np.testing.assert_allclose(T[:, :3, :3], np.exp(numbers[:, 3, None, None]) * plain[:, :3, :3], rtol=1e-14)
    np.testing.assert_array_equal(T[:, :3, 3], numbers[:, 4:])


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 6\), expected \(N, 3\) or \(N, 3, 1, 1\)"):
        build_layer("EulerGenerator", [(2, 6)], euler_generator_param={"parts": "rotation"})


@pytest.mark.parametrize("parts", [[], ["rotation", "rotation"]])
def test_wrong_parts(parts):
    with pytest.raises(SpecError, match="expected each of rotation, translation, scale at most once, and one at least"):
        build_layer("EulerGenerator", [(2, 6)], euler_generator_param={"parts": parts})
