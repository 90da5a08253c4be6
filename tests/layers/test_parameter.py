import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

SHAPE = {"shape": {"dim": [2, 3]}}
EXAMPLE = dict(bottom=[], parameter_param=SHAPE)


def test_gradient():
    report = check_layer("Parameter", [], parameter_param=SHAPE)
    assert report.ok, report


def test_the_top_is_the_parameter():
    layer, bottom, top = build_layer("Parameter", [], parameter_param=SHAPE)
    layer.blobs[0].data[...] = np.arange(6).reshape(2, 3)
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_as_caffe():
    check_case("parameter")


def test_diffs_of_two_steps_add_up():
    """Caffe keeps only the last one's, so that iter_size: 2 loses half of the gradient."""
    layer, bottom, top = build_layer("Parameter", [], parameter_param=SHAPE)
    for value in (1, 10):
        top[0].diff[...] = value
        layer.backward(top, [], bottom)
    assert (layer.blobs[0].diff == 11).all()


def test_shape_must_be_given():
    with pytest.raises(SpecError, match=r"layer 'layer' \(Parameter\): parameter_param: 'shape' is missing"):
        build_layer("Parameter", [])
