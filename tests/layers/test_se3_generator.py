import numpy as np
import pytest

from golden import Case, compare
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

MODES = ("exponential", "rotated", "direct")
ANGLES = (0, 1e-7, 1e-5, 1e-3, 0.5, 3.1)


def twists(angle, count=3, seed=0):
    """Return (count, 6) twists whose rotations have that angle (radians)."""
    rng = np.random.default_rng(seed)
    axis = rng.normal(size=(count, 3))
    axis /= np.linalg.norm(axis, axis=1, keepdims=True)
    return np.hstack([angle * axis, rng.normal(size=(count, 3))])


EXAMPLE = dict(bottom=[twists(0.5)])


@pytest.mark.parametrize("translation", MODES)
@pytest.mark.parametrize("angle", ANGLES)
def test_gradient(angle, translation):
    report = check_layer("SE3Generator", [twists(angle)], tolerance=1e-8, se3_generator_param={"translation": translation})
    assert report.ok, report


def test_gradient_of_a_single_twist_with_four_axes():
    report = check_layer("SE3Generator", [twists(0.3, count=1)[:, :, None, None]])
    assert report.ok, report


@pytest.mark.parametrize("angle", ANGLES)
def test_forward_is_the_matrix_exponential(angle):
    linalg = pytest.importorskip("scipy.linalg")
    twist = twists(angle)
    results = {}
    for mode in MODES:
        layer, bottom, top = build_layer("SE3Generator", [twist], se3_generator_param={"translation": mode})
        layer.forward(bottom, top)
        assert top[0].shape == (3, 1, 4, 4)
        results[mode] = top[0].data[:, 0]
    for n, (w1, w2, w3, *u) in enumerate(twist):
        generator = np.zeros((4, 4))
        generator[:3, :3] = [[0, -w3, w2], [w3, 0, -w1], [-w2, w1, 0]]
        generator[:3, 3] = u
        T = linalg.expm(generator)
        np.testing.assert_allclose(results["exponential"][n], T, atol=1e-12)
        for mode, t in (("rotated", T[:3, :3] @ u), ("direct", u)):
            expected = T.copy()
            expected[:3, 3] = t
            np.testing.assert_allclose(results[mode][n], expected, atol=1e-12)


def test_batch_size_may_change():
    layer, bottom, top = build_layer("SE3Generator", [twists(0.5)])
    bottom[0].reshape(5, 6)
    layer.reshape(bottom, top)
    bottom[0].data[...] = 0
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data[:, 0], np.broadcast_to(np.eye(4), (5, 4, 4)))


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 7\), expected \(N, 6\) or \(N, 6, 1, 1\)"):
        build_layer("SE3Generator", [(2, 7)])


def test_unknown_translation():
    with pytest.raises(SpecError, match="rotate"):
        build_layer("SE3Generator", [(2, 6)], se3_generator_param={"translation": "rotate"})


def test_as_the_published_layer():
    case = Case("se3_kitti")
    layer, bottom, top = build_layer("SE3Generator", [case.inputs["x"]], se3_generator_param={"translation": "rotated"})
    layer.forward(bottom, top)
    compare("T", top[0].data, case.data["T"])
    top[0].diff[...] = case.top_diffs["T"]
    layer.backward(top, [True], bottom)
    turned = np.linalg.norm(case.inputs["x"][:, :3, 0, 0], axis=1) > 1e-6  # below, the published layer has the opposite sign
    assert turned.sum() == 3
    compare("x.diff of real rotations", bottom[0].diff[turned], case.diff["x"][turned])
    compare("x.diff of translations", bottom[0].diff[:, 3:], case.diff["x"][:, 3:])
