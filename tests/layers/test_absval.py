import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-1, 1, 30).reshape(1, 2, 3, 5)])


def test_gradient():
    report = check_layer("AbsVal", [(1, 3, 5, 7)])
    assert report.ok, report


def test_values_and_the_slope_at_zero():
    layer, bottom, top = build_layer("AbsVal", [np.array([-2.0, 0.0, 3.0])])
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, [2, 0, 3])
    top[0].diff[...] = [5, 6, 7]
    layer.backward(top, [True], bottom)
    np.testing.assert_array_equal(bottom[0].diff, [-5, 0, 7])


def test_as_caffe():
    check_case("absval")


def test_has_no_parameters():
    with pytest.raises(SpecError, match=r"layer 'layer' \(AbsVal\): unknown key 'absval_param'"):
        build_layer("AbsVal", [(2, 3)], absval_param={})
