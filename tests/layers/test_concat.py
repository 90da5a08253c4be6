import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0, 1, 6).reshape(1, 2, 3), np.linspace(0, 1, 9).reshape(1, 3, 3)])


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_gradient(axis):
    shapes = [[2, 3, 5], [2, 3, 5], [2, 3, 5]]
    for shape, n in zip(shapes, (1, 2, 3)):
        shape[axis] = n
    report = check_layer("Concat", [tuple(s) for s in shapes], concat_param={"axis": axis})
    assert report.ok, report


def test_gradient_of_one_bottom_alone():
    report = check_layer("Concat", [(1, 2, 3), (1, 4, 3)], check_bottoms=[1])
    assert report.ok, report


def test_adds_where_the_net_asks_for_a_sum():
    layer, bottom, top = build_layer("Concat", [(1, 2), (1, 3)])
    layer.adds[1] = True
    top[0].diff[...] = [[1, 2, 3, 4, 5]]
    for b in bottom:
        b.diff[...] = 10
    layer.backward(top, [True, True], bottom)
    np.testing.assert_array_equal(bottom[0].diff, [[1, 2]])
    np.testing.assert_array_equal(bottom[1].diff, [[13, 14, 15]])


def test_forward_places_every_value():
    a, b = np.arange(6.0).reshape(1, 2, 3), np.arange(10.0, 13.0).reshape(1, 1, 3)
    layer, bottom, top = build_layer("Concat", [a, b])
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [[[0, 1, 2], [3, 4, 5], [10, 11, 12]]]


@pytest.mark.parametrize("case", ["concat_axis0", "concat_default", "concat_dim_deprecated"])
def test_as_caffe(case):
    check_case(case)


def test_one_bottom_as_caffe():
    check_case("concat_single", skip=["y.diff"])  # Caffe shares the diffs there, which wiped the recorded one


def test_other_axes_must_agree():
    text = r"layer 'layer' \(Concat\): bottom 'bottom1' is \(1, 3, 4\), expected \(1, any at axis 1, 5\) as bottom 'bottom0'"
    with pytest.raises(ShapeError, match=text):
        build_layer("Concat", [(1, 2, 5), (1, 3, 4)])


def test_axis_must_exist():
    with pytest.raises(ShapeError, match=r"axis 3 does not exist in bottom 'bottom0' of shape \(1, 2\)"):
        build_layer("Concat", [(1, 2), (1, 2)], concat_param={"axis": 3})


def test_axis_and_its_old_name_exclude_each_other():
    with pytest.raises(SpecError, match="both axis and concat_dim are given"):
        build_layer("Concat", [(1, 2), (1, 2)], concat_param={"axis": 0, "concat_dim": 1})
