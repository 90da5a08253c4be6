import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.ones((1, 3))], tops=0)


def test_gradient():
    report = check_layer("Silence", [(1, 3, 5), (2, 4)], tops=0)
    assert report.ok, report


def test_gradient_is_zero_only_where_asked_for():
    layer, bottom, top = build_layer("Silence", [(2, 3), (4,)], tops=0)
    for b in bottom:
        b.diff[...] = 5
    layer.backward(top, [True, False], bottom)
    assert (bottom[0].diff == 0).all() and (bottom[1].diff == 5).all()


def test_as_caffe():
    check_case("silence")


def test_has_no_parameters():
    with pytest.raises(SpecError, match=r"layer 'layer' \(Silence\): unknown key 'silence_param'"):
        build_layer("Silence", [(2, 3)], tops=0, silence_param={})
