import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-2, 2, 30).reshape(1, 2, 3, 5)], swish_param={"beta": 1.5})


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("beta", [1, 0, 2.5, -1])
def test_gradient(beta, in_place):
    report = check_layer("Swish", [(1, 3, 5, 7)], in_place=in_place, swish_param={"beta": beta})
    assert report.ok, report


def test_forward_is_the_formula():
    x = np.array([-30.0, -1.5, 0, 0.1, 2])
    layer, bottom, top = build_layer("Swish", [x], swish_param={"beta": 2})
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, [v / (1 + math.exp(-2 * v)) for v in x], rtol=1e-14, atol=1e-14)


def test_large_values_do_not_overflow():
    layer, bottom, top = build_layer("Swish", [np.array([-1e4, 1e4])])
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [0, 1e4]


def test_as_caffe():
    check_case("swish")


def test_unknown_key():
    with pytest.raises(SpecError, match=r"\(Swish\): swish_param: unknown key 'betta', did you mean 'beta'"):
        build_layer("Swish", [(2, 3)], swish_param={"betta": 1})
