"""Products of matrices by cuBLAS through ctypes: CuPy's own calls of it refuse to be recorded, these do not."""

import ctypes
import itertools
import math

from pycaffe_geo.errors import DeviceError

WORKSPACE = 32 << 20  # bytes, as NVIDIA advises for the largest devices
PLAIN, TURNED = 0, 1  # of cublasOperation_t
# dtype: (cudaDataType, cublasComputeType_t without and with TF32, type of the factors)
TYPES = {"float16": (2, 68, 68, ctypes.c_float), "float32": (0, 68, 77, ctypes.c_float), "float64": (1, 70, 70, ctypes.c_double)}
DEFAULT_ALGORITHM = -1


def load_cublas(cuda):
    """Return the library that CuPy uses; `cuda` is the module cupy.cuda."""
    if not cuda.cublas:  # to ask for it lets CuPy find and load the library
        raise DeviceError("CuPy has no cuBLAS")
    library = ctypes.CDLL(f"libcublas.so.{cuda.runtime.runtimeGetVersion() // 1000}")
    pointer, number, long, operation = ctypes.c_void_p, ctypes.c_int, ctypes.c_longlong, ctypes.c_int
    matrix = [pointer, number, number, long]
    library.cublasGemmStridedBatchedEx.argtypes = [
        pointer, operation, operation, number, number, number, pointer, *matrix, *matrix, pointer, *matrix, *[number] * 3]
    library.cublasSetStream_v2.argtypes = [pointer, pointer]
    library.cublasSetWorkspace_v2.argtypes = [pointer, pointer, ctypes.c_size_t]
    return library


class Cublas:
    """A handle of cuBLAS on one device, on the stream that work is given to at the time."""

    def __init__(self, library, device):
        self._library, self._device = library, device
        self._handle = ctypes.c_void_p()
        self._check(library.cublasCreate_v2(ctypes.byref(self._handle)))
        self._workspace = device.xp.empty(WORKSPACE, "uint8")

    def matmul(self, left, right, out, tf32=False):
        """Write left @ right to `out`, arrays of one dtype; the axes before the last two are broadcast as by NumPy.

        Rows and columns may be exchanged (`x.swapaxes(-1, -2)`), but lie without gaps in one of both directions; the rows of
        `out` lie without gaps. Float16 is added up in float32.
        """
        if not left.dtype == right.dtype == out.dtype:
            raise DeviceError(f"matmul: got {left.dtype} and {right.dtype} for {out.dtype}, expected one dtype")
        rows, columns, inner = *out.shape[-2:], left.shape[-1]
        if not (rows and columns and math.prod(out.shape[:-2])):
            return
        if not inner:
            out[...] = 0
            return
        library, device, item = self._library, self._device, out.dtype.itemsize
        self._check(library.cublasSetStream_v2(self._handle, device.stream()))
        self._check(library.cublasSetWorkspace_v2(self._handle, device.address(self._workspace), WORKSPACE))
        kind, plain, fast, real = TYPES[out.dtype.name]
        one, zero, compute = real(1), real(0), fast if tf32 else plain
        # cuBLAS's matrices have their columns one after the other: to it all are turned, and so is the product
        (turn_a, step_a), (turn_b, step_b), (turn_c, step_c) = map(_layout, (left, right, out))
        if turn_c:
            raise DeviceError(f"matmul: rows of the result have gaps: strides {out.strides} of {out.shape}")
        arrays, sizes = (right, left, out), [1, *out.shape[:-2]]
        strides = [_batch_strides(array, len(sizes)) for array in arrays]
        most = max(range(len(sizes)), key=sizes.__getitem__)  # the axis of one call
        jumps, count, sizes[most] = [stride[most] // item for stride in strides], sizes[most], 1
        for index in itertools.product(*map(range, sizes)):
            a, b, c = (device.address(x) + sum(i * s for i, s in zip(index, stride)) for x, stride in zip(arrays, strides))
            self._check(library.cublasGemmStridedBatchedEx(
                self._handle, turn_b, turn_a, columns, rows, inner, ctypes.byref(one), a, kind, step_b, jumps[0],
                b, kind, step_a, jumps[1], ctypes.byref(zero), c, kind, step_c, jumps[2], count, compute, DEFAULT_ALGORITHM))

    @staticmethod
    def _check(status):
        if status:
            raise DeviceError(f"cuBLAS cannot multiply: status {status}")


def _layout(array):
    """Return (PLAIN or TURNED, elements from one row, or column, to the next) of the last two axes."""
    (rows, columns), item = array.shape[-2:], array.dtype.itemsize
    by_row, by_column = (s // item for s in array.strides[-2:])
    if columns == 1 or by_column == 1:
        if rows == 1 or by_row >= columns:
            return PLAIN, max(columns, by_row if rows > 1 else 1)
    if rows == 1 or by_row == 1:
        if columns == 1 or by_column >= rows:
            return TURNED, max(rows, by_column if columns > 1 else 1)
    raise DeviceError(f"matmul: a matrix has gaps in both directions: strides {array.strides} of {array.shape}")


def _batch_strides(array, count):
    """Return the bytes from one matrix to the next along each of `count` leading axes, 0 where they are broadcast."""
    own = [stride if size > 1 else 0 for size, stride in zip(array.shape[:-2], array.strides[:-2])]
    return [0] * (count - len(own)) + own
