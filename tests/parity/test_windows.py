"""Caffe's rules for windows, beside plain loops: Pooling (CEIL and FLOOR, clipped and dropped last windows, divisors) and LRN."""

import math
from itertools import product

import numpy as np
import pytest

from pycaffe_geo.gradient_check import build_layer

# kernel, stride, pad, all (vertical, horizontal), of images of 7 x 6 pixels
WINDOWS = [
    ((2, 2), (2, 2), (0, 0)), ((3, 3), (2, 2), (0, 0)), ((3, 3), (2, 2), (1, 1)), ((2, 2), (2, 2), (1, 1)),
    ((3, 2), (1, 3), (2, 0)), ((1, 2), (2, 2), (0, 0)), ((4, 5), (3, 4), (3, 1)), ((3, 3), (3, 3), (2, 2)),
    ((7, 6), (1, 1), (0, 0)), ((8, 7), (3, 3), (0, 0)),
]


def windows(size, kernel, stride, pad, round_mode, padded):
    """Return [(start, end)] along one axis, in pixels of the image, not clipped on the left; the end counts one pad."""
    steps = (size + 2 * pad - kernel) / stride
    count = (math.ceil(steps) if round_mode == "CEIL" else math.floor(steps)) + 1
    if padded and (count - 1) * stride >= size + pad:
        count -= 1
    starts = [k * stride - pad for k in range(count)]
    return [(s, min(s + kernel, size + pad)) for s in starts]


def cut(window, size):
    return slice(max(window[0], 0), min(window[1], size))


def pool(x, dy_of, method, kernel, stride, pad, round_mode):
    """Return (y, dx) for x (N, C, H, W), with dy = dy_of(y's shape)."""
    axes = [windows(*a, round_mode, any(pad)) for a in zip(x.shape[2:], kernel, stride, pad)]
    y, dx = np.zeros((*x.shape[:2], *map(len, axes))), np.zeros_like(x)
    dy = dy_of(y.shape)
    for (i, rows), (j, columns) in product(enumerate(axes[0]), enumerate(axes[1])):
        part = (slice(None), slice(None), cut(rows, x.shape[2]), cut(columns, x.shape[3]))
        if method == "AVE":
            area = (rows[1] - rows[0]) * (columns[1] - columns[0])
            y[:, :, i, j] = x[part].sum(axis=(2, 3)) / area
            dx[part] += dy[:, :, i, j, None, None] / area
        else:
            flat = x[part].reshape(*x.shape[:2], -1)
            y[:, :, i, j] = flat.max(axis=2)
            first = np.arange(flat.shape[2]) == flat.argmax(axis=2)[..., None]  # of equal ones the first takes the gradient
            dx[part] += first.reshape(x[part].shape) * dy[:, :, i, j, None, None]
    return y, dx


@pytest.mark.parametrize("method", ["MAX", "AVE"])
@pytest.mark.parametrize("round_mode", ["CEIL", "FLOOR"])
@pytest.mark.parametrize("kernel, stride, pad", WINDOWS)
def test_pooling(method, round_mode, kernel, stride, pad):
    if round_mode == "FLOOR" and kernel[0] > 7:
        pytest.skip("no window at all")
    names = {"kernel": kernel, "stride": stride, "pad": pad}
    sizes = {f"{key}_{axis}": pair[k] for key, pair in names.items() for k, axis in enumerate("hw")}
    x = np.random.default_rng(0).integers(-4, 5, (2, 3, 7, 6)).astype(float)  # many ties
    layer, bottom, top = build_layer("Pooling", [x], pooling_param={"pool": method, "round_mode": round_mode, **sizes})
    layer.forward(bottom, top)
    dy = np.random.default_rng(1).normal(size=top[0].shape)
    y, dx = pool(x, lambda shape: dy.reshape(shape), method, kernel, stride, pad, round_mode)
    np.testing.assert_allclose(top[0].data, y, rtol=1e-12, atol=1e-12)
    top[0].diff[...] = dy
    layer.backward(top, [True], bottom)
    np.testing.assert_allclose(bottom[0].diff, dx, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("channels, size", [(5, 3), (5, 5), (2, 5), (4, 1)])
def test_lrn_across_channels_divides_alpha_by_the_size(channels, size):
    x = np.random.default_rng(2).normal(size=(2, channels, 3, 4))
    param = {"local_size": size, "alpha": 1.5, "beta": 0.625, "k": 2}
    layer, bottom, top = build_layer("LRN", [x], lrn_param=param)
    layer.forward(bottom, top)
    for c in range(channels):
        near = x[:, max(0, c - size // 2):c + size // 2 + 1]
        expected = x[:, c] / (2 + 1.5 / size * (near**2).sum(axis=1)) ** 0.625
        np.testing.assert_allclose(top[0].data[:, c], expected, rtol=1e-12)


@pytest.mark.parametrize("size", [3, 5])
def test_lrn_within_a_channel_ignores_k_and_means_over_the_padded_window(size):
    x = np.random.default_rng(2).normal(size=(2, 3, 6, 7))
    param = {"local_size": size, "alpha": 1.5, "beta": 0.625, "k": 9, "norm_region": "WITHIN_CHANNEL"}
    layer, bottom, top = build_layer("LRN", [x], lrn_param=param)
    layer.forward(bottom, top)
    near = (size, size), (1, 1), (size // 2, size // 2)
    mean, _ = pool(x**2, np.zeros, "AVE", *near, "CEIL")
    np.testing.assert_allclose(top[0].data, x / (1 + 1.5 * mean) ** 0.625, rtol=1e-12)
