"""Dropout's CUDA kernel: its numbers against Philox written in Python, their statistics, and what they depend on."""

import numpy as np
import pytest

from pycaffe_geo.backend import digest
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.layer import Clock
from pycaffe_geo.ops.dropout import plan_dropout_mask


def philox(counter, key):
    """Philox 4x32-10 of Salmon et al. 2011 in Python's integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(b >> 32) ^ c[1] ^ k[0], b % 2**32, (a >> 32) ^ c[3] ^ k[1], a % 2**32]
        k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
    return c


def test_the_oracle_gives_the_published_numbers():
    assert philox([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    assert philox([2**32 - 1] * 4, [2**32 - 1] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]


def draw(device, ratio=0.3, size=30, name="drop", dtype="float32", **clock):
    mask = device.xp.zeros(size, dtype)
    plan_dropout_mask(device, dtype)(mask, ratio, name, Clock(**clock))
    return mask.get()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_numbers(dtype, kernel_gpu):
    key = digest((7, "drop"))
    draws = np.ravel([philox([i, 11, 2, 0], [key % 2**32, (key >> 32) % 2**32]) for i in range(8)])[:30]
    expected = np.where(draws / 2**32 < 0.3, 0, 1 / 0.7)
    found = draw(kernel_gpu, dtype=dtype, seed=7, iteration=11, step=2)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_statistics(kernel_gpu):
    mask = draw(kernel_gpu, size=40000, seed=1)
    kept = mask != 0
    sigma = (0.3 * 0.7 / mask.size) ** 0.5
    assert abs(kept.mean() - 0.7) < 4 * sigma
    for lag in (1, 2, 4, 256):
        assert abs(np.corrcoef(kept[lag:], kept[:-lag])[0, 1]) < 4 / mask.size**0.5


def test_depends_on_the_key_alone(kernel_gpu):
    base = dict(seed=1, iteration=5, step=0)
    first = draw(kernel_gpu, **base)
    np.testing.assert_array_equal(draw(kernel_gpu, **base), first)
    for other in ({"seed": 2}, {"iteration": 6}, {"step": 1}, {"name": "other"}):
        assert (draw(kernel_gpu, **{**base, **other}) != first).any()


def test_the_device_tells_the_iteration(kernel_gpu):
    counts = kernel_gpu.asarray(np.array([5, 3], "int32"))
    found = draw(kernel_gpu, seed=1, iteration=0, counts=counts)
    np.testing.assert_array_equal(found, draw(kernel_gpu, seed=1, iteration=5, step=3))


def test_layer(kernel_gpu):
    layer, bottom, top = build_layer("Dropout", bottom=[(3, 50)], device=kernel_gpu)
    layer.forward(bottom, top)
    x, y = bottom[0].data.get(), top[0].data.get()
    assert ((y == 0) | (np.abs(y - 2 * x) < 1e-12)).all() and (y == 0).any() and (y != 0).any()
    top[0].diff[...] = 1
    layer.backward(top, [True], bottom)
    np.testing.assert_array_equal(bottom[0].diff.get(), np.where(y == 0, 0, 2))
