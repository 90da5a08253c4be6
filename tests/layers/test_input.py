import numpy as np
import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer

EXAMPLE = dict(bottom=[], tops=2, input_param={"shape": [{"dim": [2, 3]}, {"dim": [4]}]})


def test_shapes():
    layer, bottom, top = build_layer("Input", tops=2, input_param={"shape": [{"dim": [2, 3]}, {"dim": [4]}]})
    assert [t.shape for t in top] == [(2, 3), (4,)]


def test_one_shape_for_all_tops():
    layer, bottom, top = build_layer("Input", tops=2, input_param={"shape": {"dim": [2, 3]}})
    assert [t.shape for t in top] == [(2, 3), (2, 3)]


def test_forward_keeps_what_the_caller_wrote():
    layer, bottom, top = build_layer("Input", input_param={"shape": {"dim": [2, 3]}})
    top[0].reshape(1, 2)
    top[0].data[...] = [[5, 6]]
    layer.reshape(bottom, top)
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, [[5, 6]])


def test_number_of_shapes():
    with pytest.raises(SpecError, match=r"layer 'layer' \(Input\): input_param has 2 shapes for 3 tops, expected 1 or 3"):
        build_layer("Input", tops=3, input_param={"shape": [{"dim": 1}, {"dim": 2}]})
