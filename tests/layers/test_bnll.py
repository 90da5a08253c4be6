import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-2, 2, 30).reshape(1, 2, 3, 5)])


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(in_place):
    report = check_layer("BNLL", [(1, 3, 5, 7)], in_place=in_place)
    assert report.ok, report


def test_forward_is_the_formula():
    x = np.array([-20.0, -1, 0, 0.5, 30])
    layer, bottom, top = build_layer("BNLL", [x])
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, [math.log1p(math.exp(v)) for v in x], rtol=1e-14)


def test_large_values_do_not_overflow():
    layer, bottom, top = build_layer("BNLL", [np.array([-1e4, 1e4])])
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [0, 1e4]
    top[0].diff[...] = 1
    layer.backward(top, [True], bottom)
    assert bottom[0].diff.tolist() == [0, 1]


def test_as_caffe():
    check_case("bnll")


def test_has_no_parameters():
    with pytest.raises(SpecError, match=r"layer 'layer' \(BNLL\): unknown key 'bnll_param'"):
        build_layer("BNLL", [(2, 3)], bnll_param={})
