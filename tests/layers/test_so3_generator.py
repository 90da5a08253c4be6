import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

ANGLES = (0, 1e-7, 1e-5, 0.5, np.pi - 1e-6, np.pi, 7)


def vectors(angle, count=3, seed=0):
    w = np.random.default_rng(seed).normal(size=(count, 3))
    return angle * w / np.linalg.norm(w, axis=1, keepdims=True)


EXAMPLE = dict(bottom=[vectors(0.5)])


@pytest.mark.parametrize("angle", ANGLES)
def test_gradient(angle):
    report = check_layer("SO3Generator", [vectors(angle)], tolerance=1e-8)
    assert report.ok, report


def test_gradient_of_a_single_vector_with_four_axes():
    report = check_layer("SO3Generator", [vectors(0.3, count=1)[:, :, None, None]])
    assert report.ok, report


@pytest.mark.parametrize("angle", ANGLES)
def test_forward_is_the_matrix_exponential(angle):
    linalg = pytest.importorskip("scipy.linalg")
    layer, bottom, top = build_layer("SO3Generator", [vectors(angle)])
    layer.forward(bottom, top)
    assert top[0].shape == (3, 1, 4, 4)
    for (a, b, c), T in zip(bottom[0].data, top[0].data[:, 0]):
        algebra = [[0, -c, b, 0], [c, 0, -a, 0], [-b, a, 0, 0], [0, 0, 0, 0]]
        np.testing.assert_allclose(T, linalg.expm(algebra), atol=1e-13)


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 6\), expected \(N, 3\) or \(N, 3, 1, 1\)"):
        build_layer("SO3Generator", [(2, 6)])
