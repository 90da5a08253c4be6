import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.sin(np.arange(30.0)).reshape(1, 2, 3, 5)])


@pytest.mark.parametrize("across", [False, True])
@pytest.mark.parametrize("variance", [False, True])
@pytest.mark.parametrize("shape", [(1, 3, 5, 7), (2, 3, 5)])
def test_gradient(shape, variance, across):
    report = check_layer("MVN", [shape], mvn_param={"normalize_variance": variance, "across_channels": across})
    assert report.ok, report


@pytest.mark.parametrize("across", [False, True])
def test_forward_is_the_formula(across):
    x = np.random.default_rng(0).normal(2, 3, (2, 3, 4, 5))
    layer, bottom, top = build_layer("MVN", [x], mvn_param={"across_channels": across, "eps": 0.1})
    layer.forward(bottom, top)
    axes = (1, 2, 3) if across else (2, 3)
    expected = (x - x.mean(axes, keepdims=True)) / (x.std(axes, keepdims=True) + 0.1)
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-12)


def test_gradient_leaves_eps_out_as_caffe():
    """Of the derivative's second term Caffe drops the factor 1 + eps / deviation."""
    x, dy = np.random.default_rng(0).normal(size=(2, 1, 1, 9))
    layer, bottom, top = build_layer("MVN", [x], mvn_param={"eps": 0.1})
    layer.forward(bottom, top)
    top[0].diff[...] = dy
    layer.backward(top, [True], bottom)
    y, deviation = top[0].data, x.std()
    missing = y * (y * dy).mean() * (0.1 / deviation) / (deviation + 0.1)
    step = 1e-6
    numeric = np.zeros_like(x)
    for i in range(9):
        for sign in (1, -1):
            bottom[0].data[...] = x
            bottom[0].data[0, 0, i] += sign * step
            layer.forward(bottom, top)
            numeric[0, 0, i] += sign * (top[0].data * dy).sum() / (2 * step)
    np.testing.assert_allclose(bottom[0].diff.reshape(x.shape) - missing, numeric, rtol=1e-6, atol=1e-8)


def test_gradient_in_place():
    report = check_layer("MVN", [(1, 3, 5, 7)], in_place=True)
    assert report.ok, report


def test_equal_values_give_zero():
    layer, bottom, top = build_layer("MVN", [np.full((1, 2, 3), 4.0)])
    layer.forward(bottom, top)
    assert not top[0].data.any()


@pytest.mark.parametrize("case", ["mvn_across", "mvn_mean_only"])
def test_as_caffe(case):
    check_case(case)


def test_needs_channels():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(4,\), expected \(N, C, \.\.\.\)"):
        build_layer("MVN", [(4,)])
