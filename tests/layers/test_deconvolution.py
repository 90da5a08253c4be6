import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

PARAM = {"num_output": 4, "kernel_size": 3, "weight_filler": {"type": "gaussian", "std": 0.5}, "bias_filler": "gaussian"}
EXAMPLE = dict(bottom=[np.random.default_rng(0).normal(size=(2, 4, 4, 5))], convolution_param={**PARAM, "stride": 2, "group": 2})


@pytest.mark.parametrize("param", [
    {}, {"stride": 2, "pad": 1}, {"kernel_size": [4, 1], "stride": [2, 1], "pad": [1, 0]}, {"dilation": 2}, {"group": 2},
])
@pytest.mark.parametrize("batch", [1, 3])
def test_each_input_pixel_adds_its_kernel(param, batch):
    x = np.random.default_rng(1).normal(size=(batch, 4, 3, 5))
    layer, bottom, top = build_layer("Deconvolution", [x], convolution_param={**PARAM, **param})
    layer.forward(bottom, top)
    w, b = (blob.data for blob in layer.blobs)
    o = layer.plan_options()
    (sh, sw), (ph, pw), (dh, dw), group = (o[k] for k in ("stride", "pad", "dilation", "group"))
    kh, kw = w.shape[2:]
    full = np.zeros((batch, 4, sh * 2 + dh * (kh - 1) + 1, sw * 4 + dw * (kw - 1) + 1))
    for n, c, i, j in np.ndindex(x.shape):
        first = c // (4 // group) * w.shape[1]
        rows, cols = (slice(p * s, p * s + d * (k - 1) + 1, d) for p, s, d, k in ((i, sh, dh, kh), (j, sw, dw, kw)))
        full[n, first:first + w.shape[1], rows, cols] += x[n, c, i, j] * w[c]
    expected = full[:, :, ph:full.shape[2] - ph, pw:full.shape[3] - pw] + b[:, None, None]
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-12, atol=1e-12)
    report = check_layer("Deconvolution", [x], convolution_param={**PARAM, **param})
    assert report.ok, report


def test_the_bilinear_filler_doubles_a_ramp():
    x = np.tile(np.arange(5.0), (1, 2, 5, 1))
    param = {"num_output": 2, "group": 2, "kernel_size": 4, "stride": 2, "pad": 1, "weight_filler": "bilinear"}
    layer, bottom, top = build_layer("Deconvolution", [x], convolution_param=param)
    layer.forward(bottom, top)
    assert top[0].shape == (1, 2, 10, 10)
    np.testing.assert_allclose(top[0].data[0, 1, 5, 1:-1], np.arange(8) / 2 + 0.25)


def test_three_spatial_axes_are_the_adjoint_of_convolution():
    param = {"num_output": 4, "kernel_size": [2, 3, 2], "stride": [1, 2, 2], "pad": [0, 1, 1], "group": 2}
    y, x = (np.random.default_rng(s).normal(size=(2, 4, *size)) for s, size in enumerate(((3, 2, 3), (4, 3, 4))))
    deconvolution, bottom, top = build_layer("Deconvolution", [y], convolution_param={**param, "weight_filler": "gaussian"})
    deconvolution.forward(bottom, top)
    convolution, x_blob, conv_top = build_layer("Convolution", [x], convolution_param=param)
    convolution.blobs[0].data[...] = deconvolution.blobs[0].data
    convolution.forward(x_blob, conv_top)
    assert top[0].shape == x.shape and conv_top[0].shape == y.shape
    assert (top[0].data * x).sum() == pytest.approx((y * conv_top[0].data).sum(), rel=1e-12)
    report = check_layer("Deconvolution", [(1, 4, 3, 2, 2)], convolution_param={**param, "weight_filler": "gaussian"})
    assert report.ok, report


def test_a_pad_that_leaves_nothing():
    with pytest.raises(ShapeError, match=r"layer 'layer' \(Deconvolution\): bottom '.*' is \(1, 3, 1, 1\)"):
        build_layer("Deconvolution", [(1, 3, 1, 1)], convolution_param={**PARAM, "pad": 2})


@pytest.mark.parametrize("case", ["deconv_1x1", "deconv_basic", "deconv_bilinear_x2", "deconv_bilinear_x3", "deconv_bilinear_x4",
                                  "deconv_group", "deconv_pad"])
def test_as_caffe(case):
    check_case(case)
