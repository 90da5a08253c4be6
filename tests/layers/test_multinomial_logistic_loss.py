import math

import numpy as np
import pytest
from golden import check_case

from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
P = RNG.uniform(0.1, 1, (4, 5))
LABELS = np.array([0, 4, 2, 2])
WEIGHTS = np.array([1, 0, 0.5, 2])

EXAMPLE = dict(bottom=[P, LABELS])


@pytest.mark.parametrize("bottom", [[P, LABELS], [P, LABELS, WEIGHTS], [P[:1], LABELS[:1]], [P.reshape(4, 5, 1, 1), LABELS]])
@pytest.mark.parametrize("loss_param", [{}, {"ignore_label": 2, "normalization": "VALID"}, {"normalization": "NONE"}])
def test_gradient(bottom, loss_param):
    report = check_layer("MultinomialLogisticLoss", bottom, loss_param=loss_param)
    assert report.ok, report


def test_forward_by_hand():
    layer, bottom, top = build_layer("MultinomialLogisticLoss", [P, LABELS, WEIGHTS])
    layer.forward(bottom, top)
    expected = -(math.log(P[0, 0]) + 0.5 * math.log(P[2, 2]) + 2 * math.log(P[3, 2])) / 4
    assert top[0].data == pytest.approx(expected, rel=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_probability_of_zero_stays_finite_and_learns(dtype):
    layer, bottom, top = build_layer("MultinomialLogisticLoss", [np.eye(3), np.array([0, 0, 2])], dtype=dtype)
    layer.forward(bottom, top)
    layer.backward(top, [True, False], bottom)
    assert top[0].data == pytest.approx(-math.log(1e-20) / 3, rel=1e-6)
    np.testing.assert_allclose(bottom[0].diff, [[-1 / 3, 0, 0], [-1e20 / 3, 0, 0], [0, 0, -1 / 3]], rtol=1e-6)


def test_label_that_is_no_class():
    layer, bottom, top = build_layer("MultinomialLogisticLoss", [P, LABELS + 1])
    with pytest.raises(DataError, match="a label is 5, expected 0 to 4, or `ignore_label`"):
        layer.forward(bottom, top)


def test_too_few_labels():
    message = r"bottom 'bottom1' is \(3,\), expected \(4,\): one value for each element of 'bottom0' \(4, 5\) without axis 1"
    with pytest.raises(ShapeError, match=message):
        build_layer("MultinomialLogisticLoss", [P, (3,)])


def test_as_caffe():
    check_case("multinomial_clamp")
