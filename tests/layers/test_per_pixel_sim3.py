import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

ANGLES = (0, 1e-7, 1e-5, 0.5, np.pi - 1e-6, np.pi)
LOG_SCALES = (0, 1e-7, -0.7, 0.4, 0, -1e-5, 0.2)


def numbers(shape, seed=0):
    """Return (N, 7, H, W) numbers whose angles and log-scales are those above in turn."""
    twist = np.random.default_rng(seed).normal(size=shape)
    w = twist[:, :3]
    w *= np.resize(ANGLES, (shape[0], 1, *shape[2:])) / np.linalg.norm(w, axis=1, keepdims=True)
    twist[:, 6:] = np.resize(LOG_SCALES, (shape[0], 1, *shape[2:]))
    return twist


EXAMPLE = dict(bottom=[(2, 3, 2, 3), numbers((2, 7, 2, 3))])


@pytest.mark.parametrize("translation", ["exponential", "direct"])
@pytest.mark.parametrize("batch, height, width", [(1, 2, 3), (2, 3, 5)])
def test_gradient(batch, height, width, translation):
    bottom = [(batch, 3, height, width), numbers((batch, 7, height, width))]
    report = check_layer("PerPixelSim3", bottom, per_pixel_sim3_param={"translation": translation})
    assert report.ok, report


def test_forward_is_the_matrix_exponential():
    linalg = pytest.importorskip("scipy.linalg")
    twist = numbers((2, 7, 3, 5))
    layer, bottom, top = build_layer("PerPixelSim3", [(2, 3, 3, 5), twist])
    layer.forward(bottom, top)
    for n, y, x in np.ndindex(2, 3, 5):
        a, b, c, *u, scale = twist[n, :, y, x]
        T = linalg.expm([[scale, -c, b, u[0]], [c, scale, -a, u[1]], [-b, a, scale, u[2]], [0, 0, 0, 0]])
        np.testing.assert_allclose(top[0].data[n, :, y, x], (T @ [*bottom[0].data[n, :, y, x], 1])[:3], atol=1e-13)


def test_direct_translation():
    twist = numbers((1, 7, 2, 3))
    results = {}
    for translation in ("exponential", "direct"):
        for u in (0, 2):
            twist[:, 3:6] = u
            param = {"translation": translation}
            layer, bottom, top = build_layer("PerPixelSim3", [(1, 3, 2, 3), twist], per_pixel_sim3_param=param)
            layer.forward(bottom, top)
            results[translation, u] = top[0].data.copy()
    np.testing.assert_allclose(results["direct", 2] - results["direct", 0], np.full((1, 3, 2, 3), 2), rtol=1e-13)
    np.testing.assert_array_equal(results["direct", 0], results["exponential", 0])


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 6, 4, 5\), expected \(2, 7, 4, 5\)"):
        build_layer("PerPixelSim3", [(2, 3, 4, 5), (2, 6, 4, 5)])
