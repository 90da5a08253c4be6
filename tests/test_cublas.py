"""What cuBLAS is told of matrices in every layout, against NumPy."""

import numpy as np
import pytest
from fake_cublas import FakeCublas

from pycaffe_geo.backend import CPU
from pycaffe_geo.cublas import Cublas, load_cublas
from pycaffe_geo.errors import DeviceError


class HostDevice(type(CPU)):
    def address(self, array):
        return array.ctypes.data

    def stream(self):
        return 0


def product(left, right, out, **options):
    """Multiply by the fake library; return the compute types it was asked for."""
    library = FakeCublas()
    Cublas(library, HostDevice()).matmul(left, right, out, **options)
    return library.calls


def turned(*shape):
    """Return an array of `shape` whose columns lie without gaps."""
    return np.random.default_rng(1).normal(size=(*shape[:-2], shape[-1], shape[-2])).swapaxes(-1, -2)


def plain(*shape):
    return np.random.default_rng(0).normal(size=shape)


@pytest.mark.parametrize("left", [plain, turned])
@pytest.mark.parametrize("right", [plain, turned])
@pytest.mark.parametrize("shapes", [
    ((3, 4), (4, 5)), ((1, 4), (4, 5)), ((3, 4), (4, 1)), ((3, 1), (1, 5)), ((1, 1), (1, 1)), ((1, 1), (1, 5)),
    ((2, 3, 4), (2, 4, 5)), ((3, 4), (2, 4, 5)), ((1, 3, 4), (2, 1, 4, 5)), ((2, 3, 4), (5, 2, 4, 6)), ((4, 3, 2, 3), (3, 3, 1)),
    ((0, 4), (4, 5)), ((3, 0), (0, 5)),
])
def test_every_layout(left, right, shapes):
    a, b = left(*shapes[0]), right(*shapes[1])
    expected = np.matmul(a, b)
    out = np.full(expected.shape, np.nan)
    product(a, b, out)
    np.testing.assert_allclose(out, expected, rtol=1e-12, atol=1e-14)


def test_parts_of_larger_arrays():
    a, b, out = plain(6, 8)[1:4, 2:6], plain(9, 5)[3:7, 1:4], np.zeros((3, 7))
    product(a, b, out[:, 2:5])
    np.testing.assert_allclose(out[:, 2:5], a @ b)
    assert not out[:, :2].any() and not out[:, 5:].any()


@pytest.mark.parametrize("dtype, tf32, compute", [
    ("float32", False, 68), ("float32", True, 77), ("float64", True, 70), ("float16", False, 68)])
def test_precision(dtype, tf32, compute):
    a, b = plain(3, 4).astype(dtype), plain(4, 2).astype(dtype)
    out = np.zeros((3, 2), dtype)
    assert product(a, b, out, tf32=tf32) == [compute]
    np.testing.assert_allclose(out, a.astype("float64") @ b, rtol=2e-3, atol=2e-3)


def test_gaps_in_both_directions_and_mixed_types_are_refused():
    with pytest.raises(DeviceError, match="gaps in both directions"):
        product(plain(6, 8)[::2, ::2], plain(4, 2), np.zeros((3, 2)))
    with pytest.raises(DeviceError, match="rows of the result have gaps"):
        product(plain(3, 4), plain(4, 2), np.zeros((2, 3)).T)
    with pytest.raises(DeviceError, match="float32 and float64 for float64, expected one dtype"):
        product(plain(3, 4).astype("float32"), plain(4, 2), np.zeros((3, 2)))


def test_the_library_of_cupy_has_these_functions():
    cupy = pytest.importorskip("cupy")
    assert load_cublas(cupy.cuda).cublasCreate_v2
