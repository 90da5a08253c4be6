import math

import numpy as np
import pytest
from golden import check_case

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 3, 2, 2)) * 3
T = RNG.uniform(size=X.shape)
T[RNG.uniform(size=X.shape) < 0.3] = 255
W = RNG.integers(0, 3, (2, 1, 2, 2)) / 2

EXAMPLE = dict(bottom=[X, T, W], loss_param={"ignore_label": 255})


@pytest.mark.parametrize("bottom", [[X, T], [X, T, W], [X[:1], T[:1]], [X, T.reshape(2, 12)]])
@pytest.mark.parametrize("loss_param", [{"ignore_label": 255}, {"ignore_label": 255, "normalization": "VALID"},
                                        {"normalization": "FULL"}, {"normalization": "NONE"}])
def test_gradient(bottom, loss_param):
    report = check_layer("SigmoidCrossEntropyLoss", bottom, loss_param=loss_param)
    assert report.ok, report


def loss(bottom, dtype="float64", **loss_param):
    layer, bottom, top = build_layer("SigmoidCrossEntropyLoss", bottom, dtype=dtype, loss_param=loss_param)
    layer.forward(bottom, top)
    layer.backward(top, [True, False, False], bottom)
    return float(top[0].data), bottom[0].diff


@pytest.mark.parametrize("normalization, divisor", [(None, 2), ("NONE", 1), ("BATCH_SIZE", 2), ("FULL", 24), ("VALID", None)])
def test_forward_against_a_loop(normalization, divisor):
    total = count = 0
    for n, c, y, x in np.ndindex(X.shape):
        t, w, p = T[n, c, y, x], W[n, 0, y, x], 1 / (1 + math.exp(-X[n, c, y, x]))
        if t != 255:
            total -= w * (t * math.log(p) + (1 - t) * math.log(1 - p))
            count += w
    found, _ = loss([X, T, W], ignore_label=255, **({"normalization": normalization} if normalization else {}))
    assert found == pytest.approx(total / (divisor or count), rel=1e-12)


def test_against_torch():
    torch = pytest.importorskip("torch")
    targets = RNG.uniform(size=X.shape)
    x = torch.tensor(X, requires_grad=True)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(x, torch.tensor(targets))
    expected.backward()
    found, gradient = loss([X, targets], normalization="FULL")
    assert found == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, x.grad.numpy(), atol=1e-16)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_large_scores_stay_finite(dtype):
    found, gradient = loss([np.array([[1e4, -1e4, 1e4, -1e4]]), np.array([[0, 1, 1, 0]])], dtype)
    assert found == 2e4
    np.testing.assert_array_equal(gradient, [[1, -1, 0, 0]])


def test_what_weighs_nothing_may_be_not_finite():
    x = X.copy()
    x[0, :, 0, 0] = np.nan
    weights = np.ones((2, 1, 2, 2))
    weights[0, 0, 0, 0] = 0
    found, gradient = loss([x, np.zeros_like(x), weights])
    assert np.isfinite(found) and np.isfinite(gradient).all() and not gradient[0, :, 0, 0].any()


def test_all_ignored(caplog):
    found, gradient = loss([X, np.full(X.shape, 255)], ignore_label=255)
    assert found == 0 and not gradient.any()
    assert "bottom 'bottom1' leaves no element: the loss is 0 and teaches nothing" in caplog.text


def test_targets_of_another_size():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 3\), expected \(2, 3, 2, 2\)"):
        build_layer("SigmoidCrossEntropyLoss", [X, (2, 3)])


@pytest.mark.parametrize("case", ["big", "norm_batch_size", "norm_full", "norm_valid", "normalize_true"])
def test_as_caffe(case):
    check_case(f"sceloss_{case}")
