import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

LOGITS = np.random.default_rng(0).normal(scale=3, size=(2, 2, 3, 5))

EXAMPLE = dict(bottom=[LOGITS])


@pytest.mark.parametrize("logits", [LOGITS, LOGITS[:1, :, :1, :1], np.zeros((1, 2, 1, 3))])
@pytest.mark.parametrize("normalization", ["FULL", "BATCH_SIZE"])
def test_gradient(logits, normalization):
    report = check_layer("ExplainabilityLoss", [logits], loss_param={"normalization": normalization})
    assert report.ok, report


def run(logits, **arguments):
    layer, bottom, top = build_layer("ExplainabilityLoss", [logits], **arguments)
    layer.forward(bottom, top)
    layer.backward(top, [True], bottom)
    return float(top[0].data), bottom[0].diff


def test_forward_against_a_loop():
    costs = [-math.log(math.exp(b) / (math.exp(a) + math.exp(b))) for a, b in zip(LOGITS[:, 0].flat, LOGITS[:, 1].flat)]
    assert run(LOGITS)[0] == pytest.approx(sum(costs) / 30, rel=1e-12)
    assert run(np.zeros((1, 2, 4, 4)))[0] == pytest.approx(math.log(2))


def test_as_softmax_with_loss_to_class_1():
    layer, bottom, top = build_layer("SoftmaxWithLoss", [LOGITS, np.ones((2, 3, 5))])
    layer.forward(bottom, top)
    layer.backward(top, [True, False], bottom)
    loss, gradient = run(LOGITS)
    assert loss == pytest.approx(float(top[0].data), rel=1e-12)
    np.testing.assert_allclose(gradient, bottom[0].diff, atol=1e-15)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_logits(dtype):
    logits = np.array([[[[1e4, -1e4]], [[-1e4, 1e4]]]])
    loss, gradient = run(logits, dtype=dtype)
    assert loss == 1e4  # mean of 2e4 and 0
    np.testing.assert_array_equal(gradient, [[[[0.5, 0]], [[-0.5, 0]]]])


def test_logits_of_several_images_at_once():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 4, 3, 5\), expected \(N, 2, H, W\)"):
        build_layer("ExplainabilityLoss", [(2, 4, 3, 5)])
