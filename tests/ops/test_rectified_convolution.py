"""Convolution and ReLU in one pass of oneDNN."""

import numpy as np
import pytest

from pycaffe_geo.backend import CPU
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.layers.convolution import Convolution
from pycaffe_geo.ops.convolution import plan_convolution
from pycaffe_geo.ops.onednn.library import library

needs_library = pytest.mark.skipif(library(CPU, np.dtype("float32")) is None, reason="onednn-cpu-gomp is not installed")
CASES = {  # x shape, weights' shape, options
    "odd": ((2, 3, 7, 9), (5, 3, 3, 3), dict(pad=(1, 1))),
    "batch of one": ((1, 17, 9, 6), (33, 17, 3, 3), dict(pad=(1, 1))),
    "stride": ((3, 6, 32, 40), (32, 6, 5, 5), dict(stride=(2, 2), pad=(2, 2))),
    "dilation": ((2, 16, 13, 11), (16, 16, 3, 3), dict(stride=(2, 1), pad=(2, 3), dilation=(2, 3))),
    "group": ((2, 32, 6, 5), (64, 16, 3, 3), dict(pad=(1, 1), group=2)),
    "whole image": ((4, 16, 4, 5), (6, 16, 4, 5), {}),
}


@needs_library
@pytest.mark.parametrize("case", CASES)
def test_it_is_the_maximum_of_the_convolution_and_0(case):
    x_shape, w_shape, options = CASES[case]
    plan = plan_convolution(x_shape, w_shape, **options, dtype="float32", device=CPU)
    assert plan.rectifies
    rng = np.random.default_rng(0)
    x, w, b = (rng.normal(size=s).astype(np.float32) for s in (x_shape, w_shape, w_shape[:1]))
    w[-1] = b[-1] = 0
    b[0] = np.inf
    for bias in (None, b):
        for value in (0, np.nan):
            x[-1, 0, 0, 0] = value
            plain, rectified = np.empty(plan.out_shape, np.float32), np.full(plan.out_shape, np.nan, np.float32)
            plan.forward(x, w, bias, plain)
            plan.forward_rectified(x, w, bias, rectified)
            np.testing.assert_array_equal(rectified, np.maximum(plain, 0))
            assert np.isnan(rectified).any() == bool(np.isnan(value)) and (plain < 0).any()
    dw, expected = np.zeros_like(w), np.zeros_like(w)
    x[-1, 0, 0, 0] = 0
    plan.forward_rectified(x, w, b, rectified)
    dy = rng.normal(size=plan.out_shape).astype(np.float32)
    plan.backward_weights(x, dy, dw, x_unchanged=True)
    plan.backward_weights(x, dy, expected)
    np.testing.assert_array_equal(dw, expected)


@needs_library
def test_minus_infinity_does_not_become_an_innocent_0():
    plan = plan_convolution((1, 16, 8, 8), (16, 16, 3, 3), dtype="float32", device=CPU)
    y, b = np.zeros(plan.out_shape, np.float32), np.full(16, -np.inf, np.float32)
    plan.forward_rectified(np.zeros((1, 16, 8, 8), np.float32), np.zeros((16, 16, 3, 3), np.float32), b, y)
    assert np.isnan(y).all()


@needs_library
def test_a_plan_whose_code_would_be_slower_leaves_it_to_the_relu():
    assert not plan_convolution((1, 16, 16, 16), (16, 16, 1, 1), dtype="float32", device=CPU).rectifies


@needs_library
def test_a_subclass_with_its_own_forward_runs_that():
    class Own(Convolution):
        def forward(self, bottom, top):
            """Something else."""

    sizes = dict(num_output=16, kernel_size=3)
    layer, _, _ = build_layer("Convolution", [(1, 16, 8, 8)], dtype="float32", convolution_param=sizes)
    assert layer.rectifies
    layer.__class__ = Own
    assert not layer.rectifies
