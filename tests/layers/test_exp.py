import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-1, 1, 30).reshape(1, 2, 3, 5)], exp_param={"base": 2, "scale": 0.5, "shift": 1})
CASES = [{}, {"base": 2}, {"base": 0.5, "scale": 2, "shift": -1}, {"base": 1}, {"scale": 0, "shift": 2}]


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("p", CASES)
def test_gradient(p, in_place):
    report = check_layer("Exp", [(1, 3, 5)], in_place=in_place, exp_param=p)
    assert report.ok, report


@pytest.mark.parametrize("p", CASES)
def test_forward_is_the_formula(p):
    x = np.array([-2.5, 0, 1e-9, 0.7, 3])
    layer, bottom, top = build_layer("Exp", [x], exp_param=p)
    layer.forward(bottom, top)
    expected = [p.get("base", math.e) ** (p.get("shift", 0) + p.get("scale", 1) * v) for v in x]
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-14)


@pytest.mark.parametrize("case", ["exp_base2", "exp_shift"])
def test_as_caffe(case):
    check_case(case)


def test_base_must_be_positive():
    with pytest.raises(SpecError, match=r"\(Exp\): exp_param: base is -2.0, expected a positive number, or -1 for e"):
        build_layer("Exp", [(2, 3)], exp_param={"base": -2})
