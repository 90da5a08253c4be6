import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

ANGLES = (0, 1e-7, 1e-5, 0.5, np.pi - 1e-6, np.pi)
LOG_SCALES = (0, 1e-7, -0.4)


def numbers(angle, log_scale, count=2, seed=0):
    twist = np.random.default_rng(seed).normal(size=(count, 7))
    twist[:, :3] *= angle / np.linalg.norm(twist[:, :3], axis=1, keepdims=True)
    twist[:, 6] = log_scale
    return twist


EXAMPLE = dict(bottom=[numbers(np.array([[0.5], [2]]), 0.3)])


def forward(twist, **param):
    layer, bottom, top = build_layer("Sim3Generator", [twist], sim3_generator_param=param)
    layer.forward(bottom, top)
    return top[0].data[:, 0]


@pytest.mark.parametrize("translation", ["exponential", "direct"])
@pytest.mark.parametrize("log_scale", LOG_SCALES)
@pytest.mark.parametrize("angle", ANGLES)
def test_gradient(angle, log_scale, translation):
    param = {"translation": translation}
    report = check_layer("Sim3Generator", [numbers(angle, log_scale)], tolerance=1e-8, sim3_generator_param=param)
    assert report.ok, report


@pytest.mark.parametrize("parts, size", [(["rotation"], 3), (["scale"], 1), (["rotation", "scale", "translation"], 7)])
def test_gradient_of_parts(parts, size):
    report = check_layer("Sim3Generator", [(1, size, 1, 1)], sim3_generator_param={"parts": parts})
    assert report.ok, report


@pytest.mark.parametrize("log_scale", LOG_SCALES)
@pytest.mark.parametrize("angle", ANGLES)
def test_forward_is_the_matrix_exponential(angle, log_scale):
    linalg = pytest.importorskip("scipy.linalg")
    twist = numbers(angle, log_scale)
    for (a, b, c, *u, scale), T in zip(twist, forward(twist)):
        algebra = [[scale, -c, b, u[0]], [c, scale, -a, u[1]], [-b, a, scale, u[2]], [0, 0, 0, 0]]
        np.testing.assert_allclose(T, linalg.expm(algebra), atol=1e-13)


def test_direct_translation_and_parts():
    twist = numbers(0.5, 0.3)
    T = forward(twist, translation="direct")
    np.testing.assert_array_equal(T[:, :3, 3], twist[:, 3:6])
    np.testing.assert_allclose(np.linalg.det(T[:, :3, :3]), np.exp(3 * 0.3), rtol=1e-14)
    reordered = forward(twist[:, [0, 1, 2, 6, 3, 4, 5]], parts=["rotation", "scale", "translation"])
    np.testing.assert_array_equal(reordered, forward(twist))
    np.testing.assert_array_equal(forward(twist[:, 3:6], parts="translation")[:, :3, :3], np.tile(np.eye(3), (2, 1, 1)))


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 6\), expected \(N, 7\) or \(N, 7, 1, 1\)"):
        build_layer("Sim3Generator", [(2, 6)])


def test_unknown_part():
    with pytest.raises(SpecError, match="rotation"):
        build_layer("Sim3Generator", [(2, 6)], sim3_generator_param={"parts": "rotations"})
