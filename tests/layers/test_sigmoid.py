import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-3, 3, 30).reshape(1, 2, 3, 5)])


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(in_place):
    report = check_layer("Sigmoid", [(1, 3, 5, 7)], in_place=in_place)
    assert report.ok, report


def test_forward_is_the_formula():
    x = np.array([-30, -1.5, 0, 0.3, 20])
    layer, bottom, top = build_layer("Sigmoid", [x])
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, [1 / (1 + math.exp(-v)) for v in x], rtol=0, atol=1e-15)


def test_large_values_saturate():
    layer, bottom, top = build_layer("Sigmoid", [np.array([-1e30, 1e30])], dtype="float32")
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, [0, 1])


def test_as_caffe():
    check_case("sigmoid_inplace", skip=("h.diff", "x.diff"))  # Caffe takes the values of the TanH that works in place after it


def test_unknown_engine():
    build_layer("Sigmoid", [(2, 3)], sigmoid_param=dict(engine="CAFFE"))
    with pytest.raises(SpecError, match=r"layer 'layer' \(Sigmoid\): sigmoid_param: engine: got 'MKL' in quotes, expected"):
        build_layer("Sigmoid", [(2, 3)], sigmoid_param=dict(engine="MKL"))
