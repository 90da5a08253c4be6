import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(2, 3, 4, 5)], scale_param={"bias_term": True})
NORMAL = {"type": "gaussian"}


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("axis, num_axes", [(1, 1), (0, 1), (-1, 1), (1, 2), (1, -1), (0, -1), (1, 0)])
def test_gradient(axis, num_axes, in_place):
    param = {"axis": axis, "num_axes": num_axes, "filler": NORMAL, "bias_term": True, "bias_filler": NORMAL}
    report = check_layer("Scale", [(2, 3, 5)], in_place=in_place, scale_param=param)
    assert report.ok, report


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape, axis", [((3, 4), 1), ((2,), 0), ((5,), -1), ((), 1), ((2, 3, 4, 5), 0)])
def test_gradient_of_two_bottoms(shape, axis, in_place):
    rng = np.random.default_rng(0)
    bottom = [rng.normal(size=(2, 3, 4, 5)), rng.normal(size=shape)]
    report = check_layer("Scale", bottom, in_place=in_place, scale_param={"axis": axis, "bias_term": True})
    assert report.ok, report


def test_gradient_of_a_fixed_factor_in_place():
    layer, bottom, top = build_layer("Scale", [(2, 3)], in_place=True, scale_param={"filler": {"value": 3}})
    layer.param_propagate_down = [False]
    layer.forward(bottom, top)
    top[0].diff[...] = 2
    layer.backward(top, [True], bottom)
    np.testing.assert_array_equal(bottom[0].diff, np.full((2, 3), 6))
    assert not layer.blobs[0].diff.any()


def test_forward_against_a_loop():
    parameters = {"filler": NORMAL, "bias_term": True, "bias_filler": NORMAL}
    layer, bottom, top = build_layer("Scale", [(2, 3, 4)], scale_param=parameters)
    layer.forward(bottom, top)
    (s, b), x = (blob.data for blob in layer.blobs), bottom[0].data
    expected = [[[x[n, c, i] * s[c] + b[c] for i in range(4)] for c in range(3)] for n in range(2)]
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-14)


def test_a_second_bottom_that_does_not_fit():
    with pytest.raises(ShapeError, match=r"bottom0' is \(2, 3, 4\), expected the shape of 'bottom1', \(4,\), from axis 1 on"):
        build_layer("Scale", [(2, 3, 4), (4,)])


def test_too_many_axes():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 3, 4\), expected num_axes = 3 axes from axis 1 on"):
        build_layer("Scale", [(2, 3, 4)], scale_param={"num_axes": 3})


@pytest.mark.parametrize("case", ["scale_2b", "scale_2b_full", "scale_axis2_all", "scale_axis_neg1", "scale_bias",
                                  "scale_default", "scale_inplace", "scale_scalar"])
def test_as_caffe(case):
    check_case(case)
