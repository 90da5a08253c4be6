import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.geometry import se3
from pycaffe_geo.gradient_check import build_layer

TWISTS = np.random.default_rng(0).uniform(-0.5, 0.5, (2, 3, 6))
EXAMPLE = dict(bottom=[se3.exp(t)[:, None] for t in TWISTS], tops=3)


def test_errors_of_known_motions():
    truth = np.tile(np.eye(4), (2, 1, 1, 1))
    predicted = truth.copy()
    predicted[0, 0, :3, :3] = se3.exp(np.array([[0, 0.2, 0, 0, 0, 0.0]]))[0, :3, :3]
    predicted[:, 0, 0, 3] = [3, 5]
    truth[:, 0, 1, 3] = [4, 12]
    layer, bottom, top = build_layer("PoseError", [predicted, truth], tops=3)
    layer.forward(bottom, top)
    np.testing.assert_allclose([float(t.data) for t in top], [np.degrees(0.2) / 2, (5 + 13) / 2, 90], rtol=1e-12)


def test_translations_of_another_scale():
    truth = se3.exp(TWISTS[0])[:, None]
    predicted = truth.copy()
    predicted[:, 0, :3, 3] *= 0.05
    predicted[0, 0, :3, 3] += 1e-3
    layer, bottom, top = build_layer("PoseError", [predicted, truth], tops=3, pose_error_param={"fit_scale": True})
    layer.forward(bottom, top)
    factor = np.linalg.lstsq(predicted[:, 0, :3, 3].reshape(-1, 1), truth[:, 0, :3, 3].ravel(), rcond=None)[0][0]
    error = np.linalg.norm(factor * predicted[:, 0, :3, 3] - truth[:, 0, :3, 3], axis=1).mean()
    assert float(top[0].data) == 0 and 0 < error < 0.05
    np.testing.assert_allclose(float(top[1].data), error, rtol=1e-12)


def test_it_gives_no_gradient():
    layer, bottom, top = build_layer("PoseError", **EXAMPLE)
    assert layer.no_gradient == (0, 1)


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"layer 'layer' \(PoseError\): bottom '.*' is \(3, 6\), expected \(N, 1, 4, 4\)"):
        build_layer("PoseError", [(3, 6), (3, 1, 4, 4)])
