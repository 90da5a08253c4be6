"""NdConvolution on images: the numbers of the plan for two spatial axes, which is tested by itself."""

import numpy as np
import pytest

from pycaffe_geo.backend import CPU
from pycaffe_geo.ops.convolution import output_size, plan_convolution
from pycaffe_geo.ops.convolution_nd import NdConvolution


@pytest.mark.parametrize("stride, pad, dilation, group", [
    ((1, 1), (0, 0), (1, 1), 1), ((2, 1), (1, 2), (1, 1), 2), ((1, 3), (2, 1), (2, 1), 1),
])
def test_as_the_plan_for_images(stride, pad, dilation, group):
    draw = np.random.default_rng(0)
    x, w, b = draw.normal(size=(2, 4, 7, 6)), draw.normal(size=(6, 4 // group, 3, 2)), draw.normal(size=6)
    size = [output_size(*a) for a in zip(x.shape[2:], w.shape[2:], stride, pad, dilation)]
    nd = NdConvolution(x.shape, w.shape, size, stride, pad, dilation, group, np.float64, CPU)
    plan = plan_convolution(x.shape, w.shape, stride=stride, pad=pad, dilation=dilation, group=group, dtype="float64", device=CPU)
    assert nd.out_shape == tuple(plan.out_shape)
    dy = draw.normal(size=nd.out_shape)
    results = []
    for p in (nd, plan):
        y, dx, dw, db = np.empty_like(dy), np.empty_like(x), np.ones_like(w), np.ones_like(b)
        p.forward(x, w, b, y)
        p.backward_weights(x, dy, dw)
        p.backward_bias(dy, db)
        p.backward_data(dy, w, dx)
        results.append((y, dx, dw, db))
    for ours, expected in zip(*results):
        np.testing.assert_allclose(ours, expected, rtol=1e-12, atol=1e-12)
