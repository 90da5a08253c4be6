import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-2, 2, 30).reshape(1, 2, 3, 5)], elu_param={"alpha": 0.7})


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("alpha", [1, 0.3, 0, -0.5])
def test_gradient(alpha, in_place):
    report = check_layer("ELU", [(1, 3, 5, 7)], in_place=in_place, elu_param={"alpha": alpha})
    assert report.ok, report


def test_forward_is_the_formula():
    x = np.array([-800.0, -1.5, -1e-12, 0, 2])
    layer, bottom, top = build_layer("ELU", [x], elu_param={"alpha": 0.7})
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, [v if v > 0 else 0.7 * math.expm1(v) for v in x], rtol=1e-14)


def test_slope_at_zero_is_alpha():
    layer, bottom, top = build_layer("ELU", [np.zeros(2)], elu_param={"alpha": 0.25})
    layer.forward(bottom, top)
    top[0].diff[...] = [1, -2]
    layer.backward(top, [True], bottom)
    assert bottom[0].diff.tolist() == [0.25, -0.5]


@pytest.mark.parametrize("case", ["elu", "elu_alpha0"])
def test_as_caffe(case):
    check_case(case)


def test_alpha_is_a_number():
    with pytest.raises(SpecError, match=r"layer 'layer' \(ELU\): elu_param: alpha: got .*, expected a number"):
        build_layer("ELU", [(2, 3)], elu_param={"alpha": "steep"})
