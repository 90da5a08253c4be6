import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 5, 3, 4))
LABELS = RNG.integers(0, 5, (2, 3, 4))
WEIGHTS = RNG.uniform(0, 2, (2, 1, 3, 4)) * RNG.integers(0, 2, (2, 1, 3, 4))

EXAMPLE = dict(bottom=[X, LABELS])


@pytest.mark.parametrize("bottom", [[X, LABELS], [X, LABELS, WEIGHTS], [X[:1, :, 0, 0], LABELS[:1, 0, 0]]])
@pytest.mark.parametrize("loss_param", [{}, {"ignore_label": 2}, {"normalization": "FULL"}, {"normalization": "BATCH_SIZE"},
                                        {"normalization": "NONE"}])
def test_gradient(bottom, loss_param):
    report = check_layer("SoftmaxWithLoss", bottom, loss_param=loss_param)
    assert report.ok, report


def test_gradient_along_another_axis():
    report = check_layer("SoftmaxWithLoss", [X, RNG.integers(0, 3, (2, 5, 4))], softmax_param={"axis": 2})
    assert report.ok, report


def loss(bottom, tops=1, **loss_param):
    layer, bottom, top = build_layer("SoftmaxWithLoss", bottom, tops=tops, loss_param=loss_param)
    layer.forward(bottom, top)
    return layer, bottom, top


@pytest.mark.parametrize("normalization, divisor", [("NONE", 1), ("BATCH_SIZE", 2), ("FULL", 24), ("VALID", None)])
def test_forward_against_a_loop(normalization, divisor):
    total = count = 0
    for n in range(2):
        for y in range(3):
            for x in range(4):
                scores, label, weight = X[n, :, y, x], LABELS[n, y, x], WEIGHTS[n, 0, y, x]
                if label != 2:
                    total += weight * (math.log(sum(map(math.exp, scores))) - scores[label])
                    count += weight
    _, _, top = loss([X, LABELS, WEIGHTS], ignore_label=2, normalization=normalization)
    assert top[0].data == pytest.approx(total / (divisor or max(1, count)), rel=1e-12)


def test_against_torch():
    torch = pytest.importorskip("torch")
    x = torch.tensor(X, requires_grad=True)
    expected = torch.nn.functional.cross_entropy(x, torch.tensor(LABELS), ignore_index=1)
    expected.backward()
    layer, bottom, top = loss([X, LABELS], ignore_label=1)
    assert top[0].data == pytest.approx(expected.item(), rel=1e-12)
    layer.backward(top, [True, False], bottom)
    np.testing.assert_allclose(bottom[0].diff, x.grad.numpy(), atol=1e-15)


def test_second_top_holds_the_probabilities():
    _, _, top = loss([X, LABELS], tops=2)
    np.testing.assert_allclose(top[1].data, np.exp(X) / np.exp(X).sum(axis=1, keepdims=True), rtol=1e-12)


def test_all_ignored(caplog):
    layer, bottom, top = loss([X, np.full((2, 3, 4), 255)], ignore_label=255)
    layer.forward(bottom, top)
    layer.backward(top, [True, False], bottom)
    assert top[0].data == 0 and not bottom[0].diff.any()
    warning = "layer 'layer' (SoftmaxWithLoss): bottom 'bottom1' leaves no element: the loss is 0 and teaches nothing"
    assert [r.message for r in caplog.records] == [warning]


def test_label_that_is_no_class():
    labels = LABELS.copy()
    labels[1, 2, 0] = 7
    with pytest.raises(DataError, match="a label is 7, expected 0 to 4, or `ignore_label`"):
        loss([X, labels])


def test_labels_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 5\), expected \(2, 3, 4\): one value for each element"):
        build_layer("SoftmaxWithLoss", [X, (2, 5)])


@pytest.mark.parametrize("case", [
    "all_ignored", "axis", "ignore_2", "ignore_255", "norm_batch_size", "norm_full", "norm_valid", "normalize_true", "saturated",
    "spatial", "spatial_lw"])
def test_as_caffe(case):
    check_case(f"smloss_{case}")
