import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-2, 2, 30).reshape(1, 2, 3, 5)])


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(in_place):
    report = check_layer("TanH", [(1, 3, 5, 7)], in_place=in_place)
    assert report.ok, report


def test_forward_is_the_formula():
    x = np.array([-2.5, 0, 1e-9, 0.7, 19])
    layer, bottom, top = build_layer("TanH", [x])
    layer.forward(bottom, top)
    expected = [(math.exp(v) - math.exp(-v)) / (math.exp(v) + math.exp(-v)) for v in x]
    np.testing.assert_allclose(top[0].data, expected, rtol=0, atol=1e-15)


def test_as_caffe():
    check_case("tanh")


def test_unknown_engine():
    build_layer("TanH", [(2, 3)], tanh_param=dict(engine="CUDNN"))
    with pytest.raises(SpecError, match=r"layer 'layer' \(TanH\): tanh_param: engine: got 'MKL' in quotes, expected"):
        build_layer("TanH", [(2, 3)], tanh_param=dict(engine="MKL"))
