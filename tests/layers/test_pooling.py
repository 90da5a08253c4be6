import numpy as np
import pytest

from golden import Case, check_case, compare
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

X = np.random.default_rng(0).permutation(2 * 3 * 7 * 6).reshape(2, 3, 7, 6) / 10.0
EXAMPLE = dict(bottom=[X], pooling_param={"kernel_size": 3, "stride": 2})


def pool(x, function, kernel, stride, pad):
    """The definition, one window at a time, by Caffe's ceil rule; a mean counts padding but not what lies beyond it."""
    size = []
    for n, k, s, p in zip(x.shape[2:], kernel, stride, pad):
        count = -(-(n + 2 * p - k) // s) + 1
        size.append(count - 1 if p and (count - 1) * s >= n + p else count)
    y = np.zeros((*x.shape[:2], *size))
    for n, c, i, j in np.ndindex(y.shape):
        first = [a * s - p for a, s, p in zip((i, j), stride, pad)]
        last = [min(f + k, m + p) for f, k, m, p in zip(first, kernel, x.shape[2:], pad)]
        window = x[n, c, max(first[0], 0):last[0], max(first[1], 0):last[1]]
        y[n, c, i, j] = window.max() if function == "MAX" else window.sum() / ((last[0] - first[0]) * (last[1] - first[1]))
    return y


@pytest.mark.parametrize("kernel, stride, pad", [((3, 3), (2, 2), (0, 0)), ((2, 3), (1, 2), (1, 0)), ((3, 3), (3, 3), (2, 2)),
                                                 ((7, 6), (1, 1), (0, 0)), ((1, 1), (1, 1), (0, 0))])
@pytest.mark.parametrize("function", ["MAX", "AVE"])
def test_forward_is_the_definition_and_backward_its_derivative(function, kernel, stride, pad):
    param = {"pool": function, "kernel_h": kernel[0], "kernel_w": kernel[1], "stride_h": stride[0], "stride_w": stride[1],
             "pad_h": pad[0], "pad_w": pad[1]}
    layer, bottom, top = build_layer("Pooling", [X], pooling_param=param)
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, pool(X, function, kernel, stride, pad), rtol=1e-12)
    for x in (X, X[:1, :, :5, :5]) if kernel[0] < 5 else (X,):
        report = check_layer("Pooling", [x], pooling_param=param)
        assert report.ok, report


def test_global_pooling_is_the_mean():
    layer, bottom, top = build_layer("Pooling", [X], pooling_param={"pool": "AVE", "global_pooling": True})
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, X.mean(axis=(2, 3), keepdims=True))


def test_of_equal_maxima_the_first_gets_the_gradient():
    layer, bottom, top = build_layer("Pooling", [np.ones((1, 1, 4, 4))], tops=2, pooling_param={"kernel_size": 2, "stride": 2})
    layer.forward(bottom, top)
    assert top[1].data.ravel().tolist() == [0, 2, 8, 10]
    top[0].diff[...] = 1
    layer.backward(top, [True], bottom)
    assert bottom[0].diff.ravel().nonzero()[0].tolist() == [0, 2, 8, 10]


@pytest.mark.parametrize("param, tops, error, message", [
    ({}, 1, SpecError, r"layer 'layer' \(Pooling\).*kernel_size is 0 x 0, expected at least 1, or global_pooling"),
    ({"kernel_size": 2, "pad": 2}, 1, SpecError, "a pad smaller than the kernel"),
    ({"kernel_size": 2, "stride": 0}, 1, SpecError, "a stride of at least 1"),
    ({"kernel_size": 2, "global_pooling": True}, 1, SpecError, "expected no kernel_size"),
    ({"kernel_size": 2, "pool": "AVE"}, 2, SpecError, "needs pool: MAX"),
    ({"kernel_size": 2, "pool": "STOCHASTIC"}, 1, SpecError, "STOCHASTIC"),
    ({"kernel_size": 9}, 1, ShapeError, r"is \(2, 3, 7, 6\): "),
])
def test_errors(param, tops, error, message):
    with pytest.raises(error, match=message):
        build_layer("Pooling", [X], tops=tops, pooling_param=param)


CASES = """ave_floor ave_floor_k2s2 ave_global ave_hw ave_hw_pad_one_side ave_k2s2_odd ave_k2s2p1_clip ave_k3s2
ave_stride1_overlap max_floor max_global max_hw max_k2s2_odd max_k2s2p1_clip max_k3s3p2_clip max_mask_top
max_stride1_overlap max_stride_gt_kernel max_empty_window""".split()


@pytest.mark.parametrize("case", CASES)
def test_as_caffe(case):
    check_case(f"pool_{case}")


def test_the_mean_of_an_empty_window_is_zero():
    """Caffe divides 0 by 0 there."""
    case = Case("pool_ave_empty_window_nan")
    layers, blobs = case.build()
    case.forward(layers, blobs)
    recorded = case.data["y"]
    assert np.isnan(recorded).any()
    compare("y", blobs["y"].data, np.nan_to_num(recorded))
