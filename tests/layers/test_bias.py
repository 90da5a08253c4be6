import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(2, 3, 4, 5)], bias_param={"filler": "gaussian"})


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("axis, num_axes", [(1, 1), (0, 1), (-1, 1), (1, 2), (1, -1), (0, -1), (1, 0)])
def test_gradient(axis, num_axes, in_place):
    param = {"axis": axis, "num_axes": num_axes, "filler": "gaussian"}
    report = check_layer("Bias", [(2, 3, 5)], in_place=in_place, bias_param=param)
    assert report.ok, report


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape, axis", [((3, 4), 1), ((2,), 0), ((5,), -1), ((), 1), ((2, 3, 4, 5), 0)])
def test_gradient_of_two_bottoms(shape, axis, in_place):
    rng = np.random.default_rng(0)
    bottom = [rng.normal(size=(2, 3, 4, 5)), rng.normal(size=shape)]
    report = check_layer("Bias", bottom, in_place=in_place, bias_param={"axis": axis})
    assert report.ok, report


def test_forward_against_a_loop():
    layer, bottom, top = build_layer("Bias", [(2, 3, 4)], bias_param={"filler": "gaussian"})
    layer.forward(bottom, top)
    b, x = layer.blobs[0].data, bottom[0].data
    expected = [[[x[n, c, i] + b[c] for i in range(4)] for c in range(3)] for n in range(2)]
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-14)


def test_a_second_bottom_that_does_not_fit():
    with pytest.raises(ShapeError, match=r"bottom0' is \(2, 3, 4\), expected the shape of 'bottom1', \(4,\), from axis 1 on"):
        build_layer("Bias", [(2, 3, 4), (4,)])


@pytest.mark.parametrize("case", ["bias_2b", "bias_default"])
def test_as_caffe(case):
    check_case(case)
