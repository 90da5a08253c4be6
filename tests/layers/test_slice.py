import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0, 1, 30).reshape(1, 6, 5)], tops=3, slice_param={"slice_point": [1, 3]})


@pytest.mark.parametrize("p", [{}, {"axis": 0}, {"axis": -1, "slice_point": [1, 4]}, {"slice_dim": 0}])
def test_gradient(p):
    report = check_layer("Slice", [(3, 6, 5)], tops=3, slice_param=p)
    assert report.ok, report


def test_forward_places_every_value():
    x = np.arange(5.0).reshape(1, 5)
    layer, bottom, top = build_layer("Slice", [x], tops=3, slice_param={"slice_point": [1, 3]})
    layer.forward(bottom, top)
    assert [t.data.tolist() for t in top] == [[[0]], [[1, 2]], [[3, 4]]]


@pytest.mark.parametrize("case", ["slice_axis0", "slice_even", "slice_unused_top"])
def test_as_caffe(case):
    check_case(case)


def test_equal_parts_must_fit():
    text = r"layer 'layer' \(Slice\): axis 1 of bottom 'bottom0' \(2, 5\) cannot be cut into 3 equal parts; give slice_point"
    with pytest.raises(ShapeError, match=text):
        build_layer("Slice", [(2, 5)], tops=3)


def test_number_of_points():
    with pytest.raises(SpecError, match=r"slice_point has 1 value\(s\), expected 2 for 3 tops"):
        build_layer("Slice", [(2, 5)], tops=3, slice_param={"slice_point": 2})


@pytest.mark.parametrize("points", [[3, 2], [0, 2], [2, 5]])
def test_points_must_grow_inside(points):
    with pytest.raises(ShapeError, match=r"slice_point is \[.*\], expected growing values between 0 and 5"):
        build_layer("Slice", [(2, 5)], tops=3, slice_param={"slice_point": points})


def test_axis_and_its_old_name_exclude_each_other():
    with pytest.raises(SpecError, match="both axis and slice_dim are given"):
        build_layer("Slice", [(2, 4)], tops=2, slice_param={"axis": 0, "slice_dim": 1})
