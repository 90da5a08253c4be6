import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

X = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
EXAMPLE = dict(bottom=[X])


@pytest.mark.parametrize("x", [X, X[:1, :2, :1, :3], X * 1e-6, X * 1e6, X[:, :1]])
def test_gradient(x):
    report = check_layer("ChannelNorm", [x])
    assert report.ok, report


def test_forward_against_a_loop():
    layer, bottom, top = build_layer("ChannelNorm", [X])
    layer.forward(bottom, top)
    for n, i, j in np.ndindex(2, 5, 4):
        assert top[0].data[n, 0, i, j] == pytest.approx(math.hypot(*X[n, :, i, j]), rel=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_no_gradient_where_all_channels_are_0(dtype):
    x = X.copy()
    x[1, :, 2, 3] = 0
    layer, bottom, top = build_layer("ChannelNorm", [x], dtype=dtype)
    layer.forward(bottom, top)
    top[0].diff[...] = 2
    with np.errstate(all="raise"):
        layer.backward(top, [True], bottom)
    assert top[0].data[1, 0, 2, 3] == 0 and not bottom[0].diff[1, :, 2, 3].any()
    np.testing.assert_allclose((bottom[0].diff**2).sum(axis=1)[x.any(axis=1)], 4, rtol=1e-6)


def test_images_only():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 3\), expected \(N, C, H, W\)"):
        build_layer("ChannelNorm", [(2, 3)])
