import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0.5, 2, 30).reshape(1, 2, 3, 5)], log_param={"base": 10, "scale": 0.5, "shift": 1})
CASES = [{}, {"base": 2}, {"base": 0.5, "scale": 2, "shift": 1}, {"scale": -1, "shift": 3}]


@pytest.mark.parametrize("p", CASES)
def test_gradient(p):
    x = np.random.default_rng(0).uniform(0.5, 2, (1, 3, 5))
    report = check_layer("Log", [x], log_param=p)
    assert report.ok, report


@pytest.mark.parametrize("p", CASES)
def test_forward_is_the_formula(p):
    x = np.array([0.1, 1, 2.5])
    layer, bottom, top = build_layer("Log", [x], log_param=p)
    layer.forward(bottom, top)
    expected = [math.log(p.get("shift", 0) + p.get("scale", 1) * v, p.get("base", math.e)) for v in x]
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("case", ["log", "log_scale"])
def test_as_caffe(case):
    check_case(case)


def test_base_must_not_be_one():
    with pytest.raises(SpecError, match=r"\(Log\): log_param: base is 1.0, expected a positive number other than 1"):
        build_layer("Log", [(2, 3)], log_param={"base": 1})
