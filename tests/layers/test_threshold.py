import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer

EXAMPLE = dict(bottom=[np.linspace(-2, 2, 30).reshape(1, 2, 3, 5)], threshold_param={"threshold": 0.5})


@pytest.mark.parametrize("in_place", [False, True])
def test_forward_is_the_definition(in_place):
    layer, bottom, top = build_layer(
        "Threshold", [np.array([-1.0, 0.5, np.nextafter(0.5, 1), 3])], in_place=in_place, threshold_param={"threshold": 0.5}
    )
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [0, 0, 1, 1]


def test_gives_no_gradient():
    layer, bottom, top = build_layer("Threshold", [(2, 3)])
    assert layer.no_gradient == (0,)
    bottom[0].diff[...] = 7
    layer.forward(bottom, top)
    layer.backward(top, [False], bottom)
    assert (bottom[0].diff == 7).all()


def test_hands_no_gradient_down_in_place():
    layer, bottom, top = build_layer("Threshold", [(2, 3)], in_place=True)
    layer.forward(bottom, top)
    top[0].diff[...] = 7
    layer.backward(top, [False], bottom)
    assert not bottom[0].diff.any()


def test_as_caffe():
    check_case("threshold")


def test_threshold_is_a_number():
    with pytest.raises(SpecError, match=r"\(Threshold\): threshold_param: threshold: got .*, expected a number"):
        build_layer("Threshold", [(2, 3)], threshold_param={"threshold": "high"})
