import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

ANGLES = (0, 1e-7, 1e-5, 0.5, np.pi - 1e-6, np.pi)


def vectors(angles, shape, seed=0):
    """Return (N, 3, H, W) rotation vectors of those angles, repeated over the (N, 1, H, W) pixels."""
    w = np.random.default_rng(seed).normal(size=shape)
    w /= np.linalg.norm(w, axis=1, keepdims=True)
    return w * np.resize(angles, (shape[0], 1, *shape[2:]))


EXAMPLE = dict(bottom=[(2, 3, 2, 3), vectors(ANGLES, (2, 3, 2, 3))])


@pytest.mark.parametrize("shape", [(1, 3, 2, 3), (2, 3, 3, 5)])
def test_gradient(shape):
    report = check_layer("PerPixelSO3", [shape, vectors(ANGLES, shape)])
    assert report.ok, report


def test_forward_as_scipy():
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    w = vectors((*ANGLES, 4), (2, 3, 3, 5))
    layer, bottom, top = build_layer("PerPixelSO3", [(2, 3, 3, 5), w])
    layer.forward(bottom, top)
    for n, y, x in np.ndindex(2, 3, 5):
        expected = rotation.from_rotvec(w[n, :, y, x]).apply(bottom[0].data[n, :, y, x])
        np.testing.assert_allclose(top[0].data[n, :, y, x], expected, atol=1e-14)


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 6, 4, 5\), expected \(2, 3, 4, 5\)"):
        build_layer("PerPixelSO3", [(2, 3, 4, 5), (2, 6, 4, 5)])
