import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-1, 1, 30).reshape(1, 2, 3, 5)])
NORMAL = {"type": "gaussian"}


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape, shared", [((1, 3, 5, 7), False), ((3, 4), False), ((2, 3, 5), True)])
def test_gradient(shape, shared, in_place):
    param = {"filler": NORMAL, "channel_shared": shared}
    report = check_layer("PReLU", [shape], in_place=in_place, prelu_param=param)
    assert report.ok, report


def test_forward_against_a_loop():
    layer, bottom, top = build_layer("PReLU", [(2, 3, 4)], prelu_param={"filler": NORMAL})
    layer.forward(bottom, top)
    x, slope = bottom[0].data, layer.blobs[0].data
    expected = [[[v if v > 0 else slope[c] * v for v in x[n, c]] for c in range(3)] for n in range(2)]
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-14)


def test_slopes_begin_at_a_quarter_and_hold_at_zero():
    layer, bottom, top = build_layer("PReLU", [np.zeros((1, 2))])
    layer.forward(bottom, top)
    top[0].diff[...] = [[1, -2]]
    layer.backward(top, [True], bottom)
    assert bottom[0].diff.tolist() == [[0.25, -0.5]]


@pytest.mark.parametrize("case", ["prelu", "prelu_2d", "prelu_default_fill", "prelu_shared"])
def test_as_caffe(case):
    check_case(case)


def test_needs_channels():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(4,\), expected \(N, C, \.\.\.\)"):
        build_layer("PReLU", [(4,)])


def test_channels_must_stay():
    layer, bottom, top = build_layer("PReLU", [(1, 3, 2)])
    bottom[0].reshape(1, 4, 2)
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(1, 4, 2\), expected \(N, 3, \.\.\.\)"):
        layer.reshape(bottom, top)
