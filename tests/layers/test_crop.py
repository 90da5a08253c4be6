import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0, 1, 70).reshape(1, 2, 5, 7), np.zeros((1, 2, 3, 4))], crop_param={"offset": [1, 2]})


@pytest.mark.parametrize("p", [{}, {"offset": 1}, {"axis": 1, "offset": [1, 0, 2]}, {"axis": -1, "offset": 3}])
def test_gradient(p):
    report = check_layer("Crop", [(1, 3, 5, 7), (1, 2, 3, 4)], crop_param=p)
    assert report.ok, report


def test_forward_takes_the_right_window():
    x = np.arange(20.0).reshape(1, 1, 4, 5)
    layer, bottom, top = build_layer("Crop", [x, (7, 9, 2, 3)], crop_param={"offset": [2, 1]})
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [[[[11, 12, 13], [16, 17, 18]]]]


@pytest.mark.parametrize("case", ["crop_axis2", "crop_default"])
def test_as_caffe(case):
    check_case(case)


def test_window_must_fit():
    text = r"layer 'layer' \(Crop\): axis 3 of bottom 'bottom0' has the size 7, too small for 4 "
    with pytest.raises(ShapeError, match=text):
        build_layer("Crop", [(1, 2, 5, 7), (1, 2, 3, 4)], crop_param={"offset": [1, 4]})


def test_number_of_offsets():
    with pytest.raises(SpecError, match=r"offset has 3 values, expected 1 or 2: the axes from 2 on"):
        build_layer("Crop", [(1, 2, 5, 7), (1, 2, 3, 4)], crop_param={"offset": [1, 1, 1]})


def test_number_of_axes():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(3, 4\), expected as many axes as in \(1, 2, 5, 7\)"):
        build_layer("Crop", [(1, 2, 5, 7), (3, 4)])
