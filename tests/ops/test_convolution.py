"""Convolution plans against loops, torch, and real Caffe's recordings."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from golden import Case, compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.ops import convolution, convolution_channels, convolution_rows, threads
from pycaffe_geo.ops.convolution import PatchConvolution, PointwiseConvolution, SampleConvolution, plan_convolution
from pycaffe_geo.ops.convolution_channels import ChannelConvolution
from pycaffe_geo.ops.convolution_rows import RowConvolution

CASES = {
    "plain": ((2, 3, 7, 9), (4, 3, 3, 3), {}),
    "stride_pad": ((3, 2, 8, 11), (5, 2, 3, 3), dict(stride=(2, 2), pad=(1, 1))),
    "rectangular": ((2, 4, 9, 12), (3, 4, 3, 5), dict(stride=(2, 3), pad=(0, 2))),
    "even_kernel": ((1, 2, 5, 6), (2, 2, 2, 4), dict(stride=(1, 2), pad=(1, 3))),
    "dilation": ((2, 2, 11, 10), (3, 2, 3, 3), dict(stride=(2, 2), pad=(2, 2), dilation=(2, 2))),
    "dilation_hw": ((1, 2, 9, 9), (3, 2, 2, 3), dict(pad=(1, 0), dilation=(3, 1))),
    "group": ((2, 6, 6, 5), (9, 2, 3, 3), dict(pad=(1, 1), group=3)),
    "group_stride_dilation": ((2, 4, 10, 9), (6, 2, 3, 2), dict(stride=(1, 2), dilation=(2, 2), group=2)),
    "depthwise": ((2, 4, 6, 7), (4, 1, 3, 3), dict(stride=(2, 2), pad=(1, 1), group=4)),
    "kernel_is_input": ((3, 2, 4, 5), (6, 2, 4, 5), {}),
    "stride_over_kernel": ((2, 3, 11, 10), (2, 3, 2, 2), dict(stride=(3, 4))),
    "one_by_one": ((2, 5, 4, 6), (3, 5, 1, 1), {}),
    "one_by_one_pad": ((1, 2, 3, 4), (3, 2, 1, 1), dict(pad=(1, 1))),
    "one_by_one_stride": ((1, 2, 7, 8), (3, 2, 1, 1), dict(stride=(2, 3))),
    "pointwise": ((2, 5, 8, 16), (3, 5, 1, 1), {}),
    "pointwise_group": ((3, 4, 11, 13), (6, 2, 1, 1), dict(group=2)),
    "one_pixel": ((1, 1, 1, 1), (1, 1, 1, 1), {}),
}


def loop_convolution(x, w, b, stride=(1, 1), pad=(0, 0), dilation=(1, 1), group=1):
    """The definition, one multiplication at a time."""
    x = np.pad(x, ((0, 0), (0, 0), (pad[0], pad[0]), (pad[1], pad[1])))
    outputs, group_channels, kernel_h, kernel_w = w.shape
    sizes = [(n - (d * (k - 1) + 1)) // s + 1 for n, k, s, d in zip(x.shape[2:], (kernel_h, kernel_w), stride, dilation)]
    y = np.zeros((len(x), outputs, *sizes))
    for n, o, r, c in np.ndindex(y.shape):
        y[n, o, r, c] = b[o]
        for k, i, j in np.ndindex(group_channels, kernel_h, kernel_w):
            channel = o // (outputs // group) * group_channels + k
            y[n, o, r, c] += w[o, k, i, j] * x[n, channel, r * stride[0] + i * dilation[0], c * stride[1] + j * dilation[1]]
    return y


def arrays(x_shape, w_shape, plan, dtype="float64", seed=0):
    rng = np.random.default_rng(seed)
    x, w, b, dy = (rng.normal(size=s).astype(dtype) for s in (x_shape, w_shape, w_shape[0], plan.out_shape))
    return x, w, b, dy


def run(plan, x, w, b, dy, device=CPU):
    """Return y, dx, dw, db as NumPy arrays; outputs start as NaN where overwritten and as 1 where added to."""
    x, w, b, dy = map(device.asarray, (x, w, b, dy))
    y, dx = (device.asarray(np.full(s, np.nan, x.dtype)) for s in (plan.out_shape, x.shape))
    dw, db = (device.asarray(np.ones(a.shape, x.dtype)) for a in (w, b))
    plan.forward(x, w, b, y)
    plan.backward_data(dy, w, dx)
    plan.backward_weights(x, dy, dw)
    plan.backward_bias(dy, db)
    dw -= 1
    db -= 1
    return tuple(map(asnumpy, (y, dx, dw, db)))


def make(name, dtype="float64", device=CPU):
    x_shape, w_shape, options = CASES[name]
    return plan_convolution(x_shape, w_shape, **options, dtype=dtype, device=device)


# how the threads share the work, their number, bytes of a block
SHARED = [("rows", 1, 2 << 20), ("rows", 2, 1), ("rows", 3, 2000), ("rows", 16, 2 << 20), ("channels", 1, 1),
          ("channels", 3, 9999), ("samples", 2, 0)]


@pytest.fixture(params=["one block", "sample blocks", "row blocks", *SHARED], ids=str)
def blocks(request, monkeypatch):
    """As on a device, with patch matrices that hold the whole batch, about two samples, or at most one output row; or as shared
    by the threads of a CPU."""
    def choose(x_shape, w_shape, plan):
        if request.param in SHARED:
            share(monkeypatch, *request.param)
            return
        two_samples = 2 * 8 * w_shape[2] * w_shape[3] * x_shape[1] * int(np.prod(plan.out_shape[2:]))
        limit = {"one block": convolution.COLUMN_BYTES, "sample blocks": two_samples, "row blocks": 1}[request.param]
        monkeypatch.setattr(convolution, "COLUMN_BYTES", limit)
        on_device, reference = SimpleNamespace(xp=None), convolution._reference
        monkeypatch.setattr(convolution, "_reference", lambda *sizes_and_device: reference(*sizes_and_device[:-1], on_device))

    return choose


def share(monkeypatch, what, parts, block_bytes):
    plans = {"rows": RowConvolution, "channels": ChannelConvolution, "samples": SampleConvolution}
    monkeypatch.setattr(convolution, "_reference", lambda *sizes: plans[what])
    monkeypatch.setattr(threads, "parts", lambda: parts)
    for module in (convolution_rows, convolution_channels):
        monkeypatch.setattr(module, "BLOCK_BYTES", block_bytes)


@pytest.mark.parametrize("name", CASES)
def test_forward_matches_loops(name, blocks):
    x_shape, w_shape, options = CASES[name]
    blocks(x_shape, w_shape, make(name))
    plan = make(name)
    x, w, b, dy = arrays(x_shape, w_shape, plan)
    y = run(plan, x, w, b, dy)[0]
    expected = loop_convolution(x, w, b, **options)
    assert plan.out_shape == expected.shape
    np.testing.assert_allclose(y, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_gradients_are_adjoint(name, blocks):
    """y is linear in x and in w, so <dy, y> without bias equals both <dx, x> and <dw, w>; with unit vectors this is exact."""
    x_shape, w_shape, options = CASES[name]
    blocks(x_shape, w_shape, make(name))
    plan = make(name)
    x, w, b, dy = arrays(x_shape, w_shape, plan)
    _, dx, dw, db = run(plan, x, w, b, dy)
    inner = np.vdot(dy, loop_convolution(x, w, 0 * b, **options))
    np.testing.assert_allclose([np.vdot(dx, x), np.vdot(dw, w)], inner, rtol=1e-11)
    np.testing.assert_allclose(db, dy.sum((0, 2, 3)), atol=1e-12)
    rng = np.random.default_rng(1)
    for gradient, linear in ((dx, lambda d: loop_convolution(d, w, 0 * b, **options)),
                             (dw, lambda d: loop_convolution(x, d, 0 * b, **options))):
        for index in rng.integers(gradient.size, size=3):
            direction = np.zeros(gradient.shape)
            direction.flat[index] = 1
            np.testing.assert_allclose(gradient.flat[index], np.vdot(dy, linear(direction)), atol=1e-12)


TORCH_CASES = [
    ((32, 6, 32, 40), (32, 6, 5, 5), 2, 2, 1, 1),
    ((3, 32, 16, 20), (64, 32, 5, 5), 2, 2, 1, 1),
    ((2, 3, 227, 227), (24, 3, 11, 11), 4, 0, 1, 1),
    ((2, 24, 27, 27), (64, 12, 5, 5), 1, 2, 1, 2),
    ((2, 16, 40, 51), (8, 16, 3, 3), 1, 2, 2, 1),
    ((2, 64, 40, 51), (96, 64, 1, 1), 1, 0, 1, 1),
]


@pytest.mark.parametrize("x_shape, w_shape, stride, pad, dilation, group", TORCH_CASES)
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 3e-5)])
def test_matches_torch(x_shape, w_shape, stride, pad, dilation, group, dtype, tolerance):
    torch = pytest.importorskip("torch")
    plan = plan_convolution(x_shape, w_shape, stride=(stride,) * 2, pad=(pad,) * 2, dilation=(dilation,) * 2, group=group,
                            dtype=dtype, device=CPU)
    x, w, b, dy = arrays(x_shape, w_shape, plan, dtype)
    leaves = [torch.tensor(a, requires_grad=True) for a in (x, w, b)]
    y = torch.nn.functional.conv2d(*leaves, stride, pad, dilation, group)
    y.backward(torch.tensor(dy))
    for found, expected in zip(run(plan, x, w, b, dy), (y.detach(), *(t.grad for t in leaves))):
        compare("", found, expected.numpy(), tolerance)


@pytest.mark.parametrize("name", ["stride_pad", "group", "pointwise"])
def test_unchanged_dy_gives_the_same_data_gradient(name, blocks):
    x_shape, w_shape, _ = CASES[name]
    blocks(x_shape, w_shape, make(name))
    plan = make(name)
    x, w, b, dy = arrays(x_shape, w_shape, plan)
    expected, dx = np.empty_like(x), np.empty_like(x)
    plan.backward_data(dy, w, expected)
    plan.forward(x, w, b, np.empty_like(dy))
    plan.backward_weights(x, dy, np.zeros_like(w))
    plan.backward_data(dy, w, dx, dy_unchanged=True)
    np.testing.assert_array_equal(dx, expected)


@pytest.mark.parametrize("name", ["stride_pad", "group", "pointwise"])
def test_unchanged_x_gives_the_same_weight_gradient(name, blocks):
    x_shape, w_shape, _ = CASES[name]
    blocks(x_shape, w_shape, make(name))
    plan = make(name)
    x, w, b, dy = arrays(x_shape, w_shape, plan)
    y, dx, expected = np.empty(plan.out_shape), np.empty_like(x), np.zeros_like(w)
    plan.backward_weights(x, dy, expected, x_unchanged=True)  # nothing was loaded yet
    for load in (lambda: plan.forward(x, w, b, y), lambda: plan.backward_weights(x, dy, np.zeros_like(w))):
        dw = np.zeros_like(w)
        plan.forward(2 * x, w, b, y)
        load()
        plan.backward_data(dy, w, dx)
        plan.backward_weights(x, dy, dw, x_unchanged=True)
        np.testing.assert_allclose(dw, expected, atol=1e-12)


def test_buffers_are_used_again_and_bias_is_optional():
    plan = make("stride_pad")
    x, w, b, dy = arrays(*CASES["stride_pad"][:2], plan)
    first = run(plan, x, w, b, dy)
    run(plan, 3 * x, -w, b, 2 * dy)
    for a, again in zip(first, run(plan, x, w, b, dy)):
        np.testing.assert_array_equal(a, again)
    y = np.empty(plan.out_shape)
    plan.forward(x, w, None, y)
    np.testing.assert_allclose(y + b[:, None, None], first[0], atol=1e-12)


def test_inputs_are_left_alone():
    for name in ("stride_pad", "pointwise"):
        plan = make(name)
        values = arrays(*CASES[name][:2], plan)
        kept = [v.copy() for v in values]
        run(plan, *values)
        for value, before in zip(values, kept):
            np.testing.assert_array_equal(value, before)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("what", ["rows", "channels", "samples"])
def test_threads_agree_to_the_last_bit_from_run_to_run(name, what, monkeypatch):
    share(monkeypatch, what, 3, 2000)
    x_shape, w_shape, _ = CASES[name]
    plan = make(name)
    values = arrays(x_shape, w_shape, plan)
    first = run(plan, *values)
    for again in (run(plan, *values), run(make(name), *values)):
        assert [a.tobytes() for a in again] == [f.tobytes() for f in first]
    monkeypatch.setattr(threads, "parts", lambda: 1)
    for one, several in zip(run(make(name), *values), first):
        np.testing.assert_allclose(several, one, rtol=0, atol=1e-12)


@pytest.mark.parametrize("outputs", [2, 200])  # OpenBLAS is given the weight gradients of few transposed
@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-11), ("float32", 1e-3)])
@pytest.mark.parametrize("what", ["rows", "channels"])
def test_weight_gradient_of_few_and_many_outputs(what, outputs, dtype, tolerance, monkeypatch):
    share(monkeypatch, what, 2, 1000)
    plan = plan_convolution((3, 2, 9, 8), (outputs, 2, 3, 3), pad=(1, 1), dtype=dtype, device=CPU)
    x, w, b, dy = arrays((3, 2, 9, 8), (outputs, 2, 3, 3), plan, dtype)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    expected = [[np.einsum("nchw,nohw->oc", padded[:, :, i:i + 9, j:j + 8], dy) for j in range(3)] for i in range(3)]
    np.testing.assert_allclose(run(plan, x, w, b, dy)[2], np.moveaxis(expected, (0, 1), (2, 3)), rtol=0, atol=tolerance)


@pytest.mark.parametrize("what", ["rows", "channels"])
@pytest.mark.parametrize("name", CASES)
def test_rectified_is_the_maximum_with_0(name, what, monkeypatch):
    share(monkeypatch, what, 2, 2000)
    plan = make(name)
    x, w, b, dy = arrays(*CASES[name][:2], plan)
    for bias in (b, None):
        y, rectified = np.empty_like(dy), np.empty_like(dy)
        plan.forward(x, w, bias, y)
        plan.forward_rectified(x, w, bias, rectified)
        np.testing.assert_array_equal(rectified, np.maximum(y, 0))


def test_an_invalid_number_in_any_part_follows_the_callers_error_state(monkeypatch):
    share(monkeypatch, "rows", 2, 1)
    plan = make("plain")
    x, w, b, dy = arrays(*CASES["plain"][:2], plan)
    w[...], x[...], b[:] = 1, 1, -np.inf
    x[-1] = np.inf  # of the second part alone
    with np.errstate(invalid="raise"), pytest.raises(FloatingPointError):
        plan.forward(x, w, b, dy)
    with np.errstate(invalid="ignore"):
        plan.forward(x, w, b, dy)
    assert np.isnan(dy[-1]).all() and np.isneginf(dy[0]).all()


def test_plan_where_it_pays(standin_device, monkeypatch):
    assert isinstance(make("pointwise"), PatchConvolution)
    monkeypatch.setattr(convolution, "SMALL", 0)
    assert isinstance(make("pointwise"), RowConvolution)
    assert isinstance(make("kernel_is_input"), ChannelConvolution)
    many = plan_convolution((8, 3, 9, 9), (4, 3, 3, 3), dtype="float32", device=CPU, engine="CAFFE")
    assert isinstance(many, SampleConvolution)
    assert isinstance(make("pointwise", device=standin_device), PointwiseConvolution)
    assert isinstance(make("one_by_one", device=standin_device), PatchConvolution)


@pytest.mark.parametrize("name", ["group_stride_dilation", "pointwise", "pointwise_group"])
def test_runs_on_a_device(name, standin_device):
    plan = make(name)
    values = arrays(*CASES[name][:2], plan)
    expected = run(plan, *values)
    for found, array in zip(run(make(name, device=standin_device), *values, standin_device), expected):
        np.testing.assert_allclose(found, array, atol=1e-12)


@pytest.mark.parametrize("x_shape, w_shape, options, message", [
    ((1, 3, 4, 4), (2, 3, 5, 3), {}, r"kernel 5x3 with dilation 1x1 is larger than the input 4x4 with pad 0x0"),
    ((1, 3, 4, 4), (2, 3, 3, 3), dict(dilation=(1, 2)), r"kernel 3x3 with dilation 1x2 is larger than the input 4x4"),
    ((1, 3, 4, 4), (2, 4, 3, 3), {}, r"3 channels and 2 outputs do not fit group 1"),
    ((1, 4, 4, 4), (3, 2, 3, 3), dict(group=2), r"4 channels and 3 outputs do not fit group 2"),
])
def test_refuses(x_shape, w_shape, options, message):
    with pytest.raises(ShapeError, match=message):
        plan_convolution(x_shape, w_shape, **options, dtype="float32", device=CPU)


CAFFE = {
    "conv_1x1": {},
    "conv_1x1_pad": dict(pad=(1, 1)),
    "conv_depthwise_nobias": dict(group=4, stride=(2, 2), pad=(1, 1)),
    "conv_dilation": dict(dilation=(2, 2), pad=(2, 2), stride=(2, 2)),
    "conv_group": dict(group=3, pad=(1, 1)),
    "conv_hw": dict(pad=(0, 2), stride=(2, 3)),
    "conv_kernel_eq_input": {},
    "conv_pad_stride": dict(pad=(1, 1), stride=(2, 2)),
    "deconv_1x1": dict(stride=(2, 2)),
    "deconv_basic": dict(stride=(2, 2)),
    "deconv_bilinear_x2": dict(stride=(2, 2), pad=(1, 1), group=3),
    "deconv_bilinear_x3": dict(stride=(3, 3), pad=(1, 1), group=3),
    "deconv_bilinear_x4": dict(stride=(4, 4), pad=(2, 2), group=3),
    "deconv_group": dict(stride=(2, 2), pad=(1, 1), group=3),
    "deconv_pad": dict(stride=(2, 2), pad=(1, 1)),
}


@pytest.mark.parametrize("name", CAFFE)
def test_matches_caffe(name):
    case = Case(name)
    x, y, dx, dy = case.inputs["x"].astype(float), case.data["y"], case.diff["x"], case.top_diffs["y"]
    w, b = itertools.islice([*case.params["lay"], None], 2)
    down = name.startswith("conv")
    plan = plan_convolution((x if down else y).shape, w.shape, **CAFFE[name], dtype="float64", device=CPU)
    found_y, found_dx, dw, db = np.empty_like(y), np.empty_like(x), np.zeros_like(w), np.zeros(y.shape[1])
    if down:
        plan.forward(x, w, b, found_y)
        plan.backward_data(dy, w, found_dx)
        plan.backward_weights(x, dy, dw, x_unchanged=True)
    else:  # a deconvolution is the adjoint of a convolution from its output to its input
        plan.backward_data(x, w, found_y)
        found_y += 0 if b is None else b[:, None, None]
        plan.forward(dy, w, None, found_dx)
        plan.backward_weights(dy, x, dw, x_unchanged=True)
    compare("y", found_y, y)
    compare("dx", found_dx, dx)
    compare("dw", dw, case.params_diff["lay"][0])
    if b is not None and down:
        plan.backward_bias(dy, db)
        compare("db", db, case.params_diff["lay"][1])
