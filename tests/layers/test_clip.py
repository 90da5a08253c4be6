import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-2, 2, 30).reshape(1, 2, 3, 5)], clip_param={"min": -1, "max": 0.5})


@pytest.mark.parametrize("in_place", [False, True])
def test_gradient(in_place):
    report = check_layer("Clip", [(1, 3, 5, 7)], in_place=in_place, clip_param={"min": -0.5, "max": 1})
    assert report.ok, report


@pytest.mark.parametrize("in_place", [False, True])
def test_both_edges_pass_the_gradient(in_place):
    layer, bottom, top = build_layer("Clip", [np.array([-3.0, -1, 0, 2, 4])], in_place=in_place, clip_param={"min": -1, "max": 2})
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [-1, -1, 0, 2, 2]
    top[0].diff[...] = 5
    layer.backward(top, [True], bottom)
    assert bottom[0].diff.tolist() == [0, 5, 5, 5, 0]


def test_as_caffe():
    check_case("clip_edge")


@pytest.mark.parametrize("param, message", [({"min": 1, "max": -1}, "min is 1.0 and max is -1.0, expected min <= max"),
                                            ({"min": 1}, "'max' is missing")])
def test_errors(param, message):
    with pytest.raises(SpecError, match=message):
        build_layer("Clip", [(2, 3)], clip_param=param)
