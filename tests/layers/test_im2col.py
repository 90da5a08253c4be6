import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0, 1, 60).reshape(1, 3, 5, 4)], convolution_param={"kernel_size": 3, "stride": 2, "pad": 1})
PARAMS = [
    {"kernel_size": 3, "stride": 2, "pad": 1},
    {"kernel_h": 2, "kernel_w": 3, "stride_h": 1, "stride_w": 2, "pad_h": 0, "pad_w": 1},
    {"kernel_size": [2, 2], "dilation": [2, 3]},
    {"kernel_size": 1},
]


@pytest.mark.parametrize("param", PARAMS)
def test_gradient(param):
    report = check_layer("Im2col", [(1, 2, 5, 7)], convolution_param=param)
    assert report.ok, report


@pytest.mark.parametrize("shape", [(2, 3, 7), (1, 2, 4, 5, 3)])
def test_gradient_of_one_and_three_spatial_axes(shape):
    report = check_layer("Im2col", [shape], convolution_param={"kernel_size": 3, "stride": 2, "pad": 1})
    assert report.ok, report


@pytest.mark.parametrize("param", PARAMS)
def test_weights_times_columns_is_the_convolution(param):
    layer, bottom, top = build_layer("Im2col", [(2, 3, 6, 7)], convolution_param=param)
    layer.forward(bottom, top)
    conv, x, y = build_layer(
        "Convolution", [bottom[0].data], convolution_param={**param, "num_output": 4, "weight_filler": {"type": "gaussian"}}
    )
    conv.forward(x, y)
    w = conv.blobs[0].data.reshape(4, -1)
    np.testing.assert_allclose(np.einsum("ok,nkhw->nohw", w, top[0].data), y[0].data, rtol=1e-10, atol=1e-12)


def test_the_channel_axis_may_be_later():
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    layer, bottom, top = build_layer("Im2col", [x], convolution_param={"kernel_size": 2, "axis": 2})
    layer.forward(bottom, top)
    assert top[0].shape == (2, 3, 8, 4)
    np.testing.assert_array_equal(top[0].data[:, :, 2 * 3 + 1], x[:, :, 3, 1:])


def test_as_caffe():
    check_case("im2col")


@pytest.mark.parametrize("param, error, message", [
    ({}, SpecError, "convolution_param: 'kernel_size' is missing"),
    ({"kernel_size": 8}, ShapeError, r"bottom 'bottom0' is \(1, 3, 6, 7\), too small for kernel \(8, 8\) with pad \(0, 0\)"),
    ({"kernel_size": 2, "axis": 3}, ShapeError, "expected axes after axis 3"),
    ({"kernel_size": [2, 2, 2]}, SpecError, "convolution_param: kernel_size has 3 numbers, expected 1 or 2"),
])
def test_errors(param, error, message):
    with pytest.raises(error, match=message):
        build_layer("Im2col", [(1, 3, 6, 7)], convolution_param=param)
