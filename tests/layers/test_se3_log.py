import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.geometry import se3
from pycaffe_geo.gradient_check import build_layer, check_layer

MODES = ("exponential", "rotated", "direct")


def transforms(angle, count=3, seed=0):
    """Return (count, 1, 4, 4) transforms whose rotations have that angle (radians)."""
    twist = np.random.default_rng(seed).normal(size=(count, 6))
    twist[:, :3] *= angle / np.linalg.norm(twist[:, :3], axis=1, keepdims=True)
    return se3.exp(twist)[:, None]


EXAMPLE = dict(bottom=[transforms(0.5)])


def run(T, weight, translation="exponential"):
    """Return the twists and the gradient to T (N, 4, 4)."""
    layer, bottom, top = build_layer("SE3Log", [T], se3_log_param={"translation": translation})
    layer.forward(bottom, top)
    top[0].diff[...] = weight
    layer.backward(top, [True], bottom)
    return top[0].data, bottom[0].diff[:, 0]


@pytest.mark.parametrize("translation", MODES)
@pytest.mark.parametrize("angle", (0, 1e-7, 1e-5, 0.5, 2.9))
def test_gradient(angle, translation):
    """Each of the 16 entries moves by itself, so that the matrices checked are no rotations."""
    report = check_layer("SE3Log", [transforms(angle)], se3_log_param={"translation": translation})
    assert report.ok, report


def test_gradient_of_a_single_transform():
    report = check_layer("SE3Log", [transforms(0.3, count=1)])
    assert report.ok, report


@pytest.mark.parametrize("angle", (1e-7, 1e-5, 0.5, 3.1, np.pi - 1e-6))
def test_forward_as_scipy_logm(angle):
    linalg = pytest.importorskip("scipy.linalg")
    T = transforms(angle)
    for twist, matrix in zip(run(T, 0)[0], T[:, 0]):
        algebra = linalg.logm(matrix).real
        expected = [algebra[2, 1], algebra[0, 2], algebra[1, 0], *algebra[:3, 3]]
        np.testing.assert_allclose(twist, expected, atol=1e-8 if angle > 3.1 else 1e-12)


@pytest.mark.parametrize("translation", MODES)
@pytest.mark.parametrize("angle", (0, 1e-7, 1e-5, 0.5, np.pi - 1e-6, np.pi))
def test_undoes_the_generator_both_ways(angle, translation):
    T = transforms(angle)
    weight = np.random.default_rng(1).normal(size=(3, 6))
    twist, dT = run(T, weight, translation)
    layer, bottom, top = build_layer("SE3Generator", [twist], se3_generator_param={"translation": translation})
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, T, atol=1e-14)
    top[0].diff[:, 0] = dT
    layer.backward(top, [True], bottom)
    np.testing.assert_allclose(bottom[0].diff, weight, atol=1e-12)


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 6\), expected \(N, 1, 4, 4\)"):
        build_layer("SE3Log", [(2, 6)])
