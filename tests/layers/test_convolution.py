import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

PARAM = {"num_output": 4, "kernel_size": 3, "weight_filler": {"type": "gaussian", "std": 0.5}, "bias_filler": "gaussian"}
EXAMPLE = dict(bottom=[np.random.default_rng(0).normal(size=(2, 4, 7, 6))], convolution_param={**PARAM, "pad": 1, "group": 2})


def convolve(x, w, b, stride=(1, 1), pad=(0, 0), dilation=(1, 1), group=1):
    """The definition, one output at a time."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    size = [(padded.shape[2 + a] - dilation[a] * (w.shape[2 + a] - 1) - 1) // stride[a] + 1 for a in (0, 1)]
    y = np.zeros((len(x), len(w), *size))
    for n, o, i, j in np.ndindex(y.shape):
        inputs = w.shape[1]
        first = o // (len(w) // group) * inputs
        rows, cols = (slice(p * s, p * s + d * (k - 1) + 1, d) for p, s, d, k in zip((i, j), stride, dilation, w.shape[2:]))
        y[n, o, i, j] = (padded[n, first:first + inputs, rows, cols] * w[o]).sum() + b[o]
    return y


@pytest.mark.parametrize("param", [
    {}, {"stride": 2, "pad": 1}, {"kernel_size": [3, 1], "stride": [1, 2], "pad": [0, 2]}, {"dilation": 2, "pad": 2},
    {"group": 2}, {"group": 4, "kernel_size": 1}, {"kernel_size": [], "kernel_h": 2, "kernel_w": 5, "pad_h": 1, "pad_w": 2},
    {"pad_w": 2},
])
@pytest.mark.parametrize("batch", [1, 3])
def test_forward_is_the_definition_and_backward_its_derivative(param, batch):
    x = np.random.default_rng(1).normal(size=(batch, 4, 7, 5))
    layer, bottom, top = build_layer("Convolution", [x], convolution_param={**PARAM, **param})
    layer.forward(bottom, top)
    w, b = (blob.data for blob in layer.blobs)
    options = {k: v for k, v in layer.plan_options().items() if k in ("stride", "pad", "dilation", "group")}
    np.testing.assert_allclose(top[0].data, convolve(x, w, b, **options), rtol=1e-12, atol=1e-12)
    report = check_layer("Convolution", [x], convolution_param={**PARAM, **param})
    assert report.ok, report


def test_two_bottoms_share_the_weights():
    x = np.random.default_rng(2).normal(size=(2, 2, 3, 5, 5))
    report = check_layer("Convolution", list(x), tops=2, convolution_param=PARAM)
    assert report.ok, report


def test_no_bias():
    layer, *_ = build_layer("Convolution", [(1, 3, 5, 5)], convolution_param={**PARAM, "bias_term": False})
    assert len(layer.blobs) == 1
    report = check_layer("Convolution", [np.ones((1, 3, 5, 5))], convolution_param={**PARAM, "bias_term": False})
    assert report.ok, report


@pytest.mark.parametrize("shape, param, error, message", [
    ((1, 3, 5, 5), {"num_output": 0}, SpecError, "num_output is 0, expected at least 1"),
    ((1, 3, 5, 5), {"group": 3}, SpecError, "num_output 4 is no multiple of group 3"),
    ((1, 3, 5, 5), {"group": 2}, ShapeError, r"layer 'layer' \(Convolution\): bottom '.*' has 3 channels, no multiple of gro"),
    ((1, 3, 5, 5), {"kernel_h": 3}, SpecError, "expected kernel_size or both kernel_h and kernel_w"),
    ((1, 3, 5, 5), {"kernel_size": []}, SpecError, "'kernel_size' is missing"),
    ((1, 3, 5, 5), {"kernel_size": [1, 2, 3]}, SpecError, "param: kernel_size has 3 numbers, expected 1 or 2: one"),
    ((1, 3, 5, 5), {"stride": 0}, SpecError, "stride is 0 x 0, expected at least 1"),
    ((1, 3, 2, 5), {}, ShapeError, "is \\(1, 3, 2, 5\\): kernel 3x3 .* is larger than the input 2x5"),
    ((1, 3), {}, ShapeError, r"bottom 'bottom0' is \(1, 3\), expected axes after axis 1"),
    ((1, 3, 5), {"pad": [1, 2]}, SpecError, "pad has 2 numbers, expected 1: there is one spatial axis"),
    ((1, 3, 5, 5, 5), {"pad_h": 1}, SpecError, "pad_h and pad_w are given, expected pad: there is no height and width with 3"),
])
def test_errors(shape, param, error, message):
    with pytest.raises(error, match=message):
        build_layer("Convolution", [shape], convolution_param={**PARAM, **param})


def test_channels_may_not_change_later():
    layer, bottom, top = build_layer("Convolution", [(1, 3, 5, 5)], convolution_param=PARAM)
    bottom[0].reshape(2, 3, 9, 5)
    layer.reshape(bottom, top)
    assert top[0].shape == (2, 4, 7, 3)
    bottom[0].reshape(1, 4, 5, 5)
    with pytest.raises(ShapeError, match="is \\(1, 4, 5, 5\\), expected 3 channels at axis 1 as its weights have"):
        layer.reshape(bottom, top)


@pytest.mark.parametrize("param", [
    {}, {"kernel_size": [2, 1, 3], "pad": [1, 0, 2], "stride": [2, 1, 3]}, {"kernel_size": 2, "dilation": [1, 2, 2], "group": 2},
])
def test_three_spatial_axes(param):
    x = np.random.default_rng(1).normal(size=(2, 4, 5, 4, 6))
    arguments = {"bottom": [x], "convolution_param": {**PARAM, **param}}
    layer, bottom, top = build_layer("Convolution", **arguments)
    layer.forward(bottom, top)
    stride, pad, dilation = (layer.sizes[key] for key in ("stride", "pad", "dilation"))
    padded, (w, b) = np.pad(x, ((0, 0), (0, 0), *((p, p) for p in pad))), (blob.data for blob in layer.blobs)
    for n, o, *at in np.ndindex(top[0].shape):
        first = o // (4 // layer.convolution_param.group) * w.shape[1]
        patch = padded[n, first:first + w.shape[1]][(slice(None), *(
            slice(p * s, p * s + d * (k - 1) + 1, d) for p, s, d, k in zip(at, stride, dilation, w.shape[2:])))]
        assert top[0].data[(n, o, *at)] == pytest.approx((patch * w[o]).sum() + b[o], rel=1e-12, abs=1e-12)
    report = check_layer("Convolution", **arguments)
    assert report.ok, report


CASES = ["conv_1x1", "conv_1x1_pad", "conv_axis2", "conv_depthwise_nobias", "conv_dilation", "conv_force_nd", "conv_group",
         "conv_hw", "conv_kernel_eq_input", "conv_lr0", "conv_nd1", "conv_pad_stride"]


@pytest.mark.parametrize("case", CASES)
def test_as_caffe(case):
    check_case(case)
