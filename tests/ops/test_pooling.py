"""Pooling plans against loops with Caffe's rules, torch, and real Caffe's recordings."""

import math

import numpy as np
import pytest
from golden import Case, compare

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.ops import pooling
from pycaffe_geo.ops.pooling import plan_pooling

CASES = {  # x shape, kernel, stride, pad, round mode
    "k2s2": ((2, 3, 6, 8), (2, 2), (2, 2), (0, 0), "CEIL"),
    "k2s2_odd": ((2, 3, 5, 7), (2, 2), (2, 2), (0, 0), "CEIL"),
    "k3s2": ((2, 2, 8, 9), (3, 3), (2, 2), (0, 0), "CEIL"),
    "k3s1_pad": ((1, 2, 5, 6), (3, 3), (1, 1), (1, 1), "CEIL"),
    "k2s2_pad_drops_last": ((1, 2, 5, 4), (2, 2), (2, 2), (1, 1), "CEIL"),
    "k3s3_pad": ((1, 2, 7, 8), (3, 3), (3, 3), (2, 2), "CEIL"),
    "floor": ((2, 3, 8, 9), (3, 3), (2, 2), (1, 1), "FLOOR"),
    "rectangular": ((2, 2, 7, 10), (3, 4), (2, 3), (1, 2), "CEIL"),
    "pad_one_side": ((2, 2, 7, 10), (3, 4), (2, 4), (0, 1), "CEIL"),
    "stride_over_kernel": ((1, 2, 5, 8), (2, 2), (3, 3), (0, 0), "CEIL"),
    "empty_windows": ((1, 2, 5, 5), (1, 2), (3, 5), (0, 0), "CEIL"),
    "global": ((2, 3, 4, 6), None, (1, 1), (0, 0), "CEIL"),
    "one_pixel": ((1, 1, 1, 1), (1, 1), (1, 1), (0, 0), "CEIL"),
    "wide_kernel": ((1, 1, 2, 300), (2, 290), (1, 3), (0, 0), "CEIL"),
}


def loop_pooling(method, x, dy, kernel, stride, pad, round_mode):
    """Return y, mask, dx window by window, as Caffe's loops do; dy(shape) makes the top diff."""
    height, width = x.shape[2:]
    kernel = kernel or (height, width)
    rounding = math.floor if round_mode == "FLOOR" else math.ceil
    count = [rounding((n + 2 * p - k) / s) + 1 for n, k, s, p in zip((height, width), kernel, stride, pad)]
    if any(pad):
        count = [c - ((c - 1) * s >= n + p) for c, n, s, p in zip(count, (height, width), stride, pad)]
    y, mask, dx = np.zeros((*x.shape[:2], *count)), np.full((*x.shape[:2], *count), -1.0), np.zeros(x.shape)
    dy = dy(y.shape)
    for n, c, r, q in np.ndindex(y.shape):
        top, left = r * stride[0] - pad[0], q * stride[1] - pad[1]
        bottom, right = min(top + kernel[0], height + pad[0]), min(left + kernel[1], width + pad[1])
        area = (bottom - top) * (right - left)
        window = [(i, j) for i in range(max(top, 0), min(bottom, height)) for j in range(max(left, 0), min(right, width))]
        if method == "AVE":
            for i, j in window:
                y[n, c, r, q] += x[n, c, i, j] / area
                dx[n, c, i, j] += dy[n, c, r, q] / area
        elif not window:
            y[n, c, r, q] = -float(np.finfo(np.float32).max)
        else:
            i, j = max(window, key=lambda place: x[(n, c, *place)])  # the first of equal ones
            y[n, c, r, q], mask[n, c, r, q] = x[n, c, i, j], i * width + j
            dx[n, c, i, j] += dy[n, c, r, q]
    return y, mask, dx, dy


def make(method, name, dtype="float64", device=CPU):
    shape, kernel, stride, pad, round_mode = CASES[name]
    options = dict(stride=stride, pad=pad, round_mode=round_mode, mask=True)
    return plan_pooling(method, shape, kernel, **options, dtype=dtype, device=device)


def check(method, name, x, device=CPU):
    rng = np.random.default_rng(1)
    y, mask, dx, dy = loop_pooling(method, x, lambda shape: rng.normal(size=shape), *CASES[name][1:])
    plan = make(method, name, device=device)
    assert plan.out_shape == y.shape
    found = [device.asarray(np.full(a.shape, np.nan)) for a in (y, mask, dx)]
    extra = {"mask": found[1]} if method == "MAX" else {}
    for _ in range(2):  # buffers are used again
        plan.forward(device.asarray(x), found[0], **extra)
        plan.backward(device.asarray(dy), found[2])
    np.testing.assert_allclose(asnumpy(found[0]), y, rtol=1e-13, atol=1e-13)
    np.testing.assert_allclose(asnumpy(found[2]), dx, rtol=0, atol=1e-13)
    if method == "MAX":
        np.testing.assert_array_equal(asnumpy(found[1]), mask)


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("name", CASES)
def test_matches_loops(method, name):
    check(method, name, np.random.default_rng(0).normal(size=CASES[name][0]))


@pytest.mark.parametrize("name", ["k2s2_odd", "k3s2", "k3s1_pad", "rectangular", "global"])
def test_first_of_equal_maxima_wins(name):
    check("MAX", name, np.random.default_rng(0).integers(0, 3, CASES[name][0]).astype(float))


@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_blocks_of_planes(method, monkeypatch):
    monkeypatch.setattr(pooling, "BLOCK_BYTES", 2 * 8 * 8 * 9)  # 2 and then 1 of 3 planes
    monkeypatch.setitem(CASES, "three_planes", ((1, 3, 8, 9), *CASES["k3s2"][1:]))
    check(method, "three_planes", np.random.default_rng(0).normal(size=(1, 3, 8, 9)))


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("name", ["rectangular", "empty_windows"])
def test_runs_on_a_device(method, name, standin_device):
    check(method, name, np.random.default_rng(0).normal(size=CASES[name][0]), standin_device)


def test_nan_stays_visible():
    x = np.zeros((1, 1, 4, 4))
    x[0, 0, 1, 1] = np.nan
    plan = plan_pooling("MAX", x.shape, (2, 2), stride=(2, 2), dtype="float64", device=CPU)
    y = np.empty(plan.out_shape)
    plan.forward(x, y)
    np.testing.assert_array_equal(y[0, 0], [[np.nan, 0], [0, 0]])


def test_refuses_a_kernel_larger_than_the_image():
    with pytest.raises(ShapeError, match="kernel 9x3 is larger than the input 4x5 with pad 1x1"):
        plan_pooling("MAX", (1, 1, 4, 5), (9, 3), pad=(1, 1), dtype="float32", device=CPU)


@pytest.mark.parametrize("dtype, tolerance", [("float64", 1e-12), ("float32", 2e-6)])
@pytest.mark.parametrize("method", ["MAX", "AVE"])
def test_matches_torch(method, dtype, tolerance):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(0).normal(size=(4, 16, 55, 47)).astype(dtype)
    plan = plan_pooling(method, x.shape, (3, 3), stride=(2, 2), dtype=dtype, device=CPU)
    leaf = torch.tensor(x, requires_grad=True)
    function = {"MAX": torch.nn.functional.max_pool2d, "AVE": torch.nn.functional.avg_pool2d}[method]
    expected = function(leaf, 3, 2)
    dy = np.random.default_rng(1).normal(size=plan.out_shape).astype(dtype)
    expected.backward(torch.tensor(dy))
    y, dx = np.empty(plan.out_shape, dtype), np.empty_like(x)
    plan.forward(x, y)
    plan.backward(dy, dx)
    compare("y", y, expected.detach().numpy(), tolerance)
    compare("dx", dx, leaf.grad.numpy(), tolerance)


SQUARE = {  # kernel, stride, pad
    "ave_floor": (3, 2, 1), "ave_floor_k2s2": (2, 2, 0), "ave_k2s2_odd": (2, 2, 0), "ave_k2s2p1_clip": (2, 2, 1),
    "ave_k3s2": (3, 2, 0), "ave_stride1_overlap": (3, 1, 1), "max_empty_window": (1, 3, 0), "max_floor": (3, 2, 1),
    "max_k2s2_odd": (2, 2, 0), "max_k2s2p1_clip": (2, 2, 1), "max_k3s3p2_clip": (3, 3, 2), "max_mask_top": (3, 2, 1),
    "max_stride1_overlap": (3, 1, 1), "max_stride_gt_kernel": (2, 3, 0),
}
CAFFE = {name: [(v, v) for v in values] for name, values in SQUARE.items()} | {
    "ave_hw": ((3, 4), (2, 3), (1, 2)), "max_hw": ((3, 4), (2, 3), (1, 2)), "ave_hw_pad_one_side": ((3, 4), (2, 4), (0, 1)),
    "ave_global": (None, (1, 1), (0, 0)), "max_global": (None, (1, 1), (0, 0)),
}


@pytest.mark.parametrize("name", CAFFE)
def test_matches_caffe(name):
    case = Case(f"pool_{name}")
    kernel, stride, pad = CAFFE[name]
    x = case.inputs["x"].astype(float)
    round_mode = "FLOOR" if "floor" in name else "CEIL"
    plan = plan_pooling(name[:3].upper(), x.shape, kernel, stride=stride, pad=pad, round_mode=round_mode,
                        dtype="float64", device=CPU)
    y, dx = np.empty(plan.out_shape), np.empty_like(x)
    if "mask" in case.data:
        mask = np.empty_like(y)
        plan.forward(x, y, mask=mask)
        np.testing.assert_array_equal(mask, case.data["mask"])
    else:
        plan.forward(x, y)
    compare("y", y, case.data["y"])
    if case.diff:
        plan.backward(case.top_diffs["y"], dx)
        compare("dx", dx, case.diff["x"])
