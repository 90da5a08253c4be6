"""Products of matrices against NumPy's, in blocks and on a device."""

import numpy as np
import pytest

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.ops import threads
from pycaffe_geo.ops.product import plan_product


def check(device, add, dtype="float64", depth=4):
    rng = np.random.default_rng(0)
    left, right, out = rng.normal(size=(7, depth)), rng.normal(size=(depth, 5)), rng.normal(size=(7, 5))
    expected = np.array([[left[i] @ right[:, j] + add * out[i, j] for j in range(5)] for i in range(7)])
    left, right, out = (device.asarray(a, dtype) for a in (left, right, out))
    plan_product(dtype, device)(left, right, out, add=add)
    np.testing.assert_allclose(asnumpy(out), expected, rtol=0, atol=1e-5 if dtype == "float32" else 1e-13)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("add", [False, True])
def test_written_or_added(add, dtype):
    check(CPU, add, dtype)


def test_added_in_blocks_of_rows(monkeypatch):
    monkeypatch.setattr(threads, "BLOCK", 11)
    check(CPU, True)


@pytest.mark.parametrize("depth", [0, 1, 4])
@pytest.mark.parametrize("add", [False, True])
def test_made_in_parts(add, depth, monkeypatch):
    monkeypatch.setattr(threads, "SMALL", 0)
    monkeypatch.setattr(threads, "parts", lambda: 3)
    check(CPU, add, depth=depth)


@pytest.mark.parametrize("rows", [1, 2, 64, 65])  # from 2 to 64 the transposed product is made
def test_times_a_transposed_matrix(rows, monkeypatch):
    monkeypatch.setattr(threads, "parts", lambda: 2)
    monkeypatch.setattr(threads, "SMALL", 0)
    rng = np.random.default_rng(0)
    left, right, out = rng.normal(size=(rows, 4)), rng.normal(size=(70, 4)).T, np.full((rows, 70), np.nan)
    threads.matmul(left, right, out)
    np.testing.assert_allclose(out, [[row @ column for column in right.T] for row in left], rtol=0, atol=1e-13)


@pytest.mark.parametrize("add", [False, True])
def test_runs_on_a_device(add, standin_device):
    check(standin_device, add)
