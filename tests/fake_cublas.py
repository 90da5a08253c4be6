"""The part of cuBLAS that pycaffe_geo.cublas uses, on host memory and by NumPy."""

import ctypes

import numpy as np

DTYPES = {0: np.float32, 1: np.float64, 2: np.float16}


class FakeCublas:
    """Has the functions of the library; `calls` lists the compute types, `change` may put off what is to be done."""

    def __init__(self, change=lambda call: call()):
        self.calls = []
        self._change = change
        self._stream = self._workspace = None

    def cublasCreate_v2(self, handle):
        return 0

    def cublasSetStream_v2(self, handle, stream):
        self._stream, self._workspace = stream, None
        return 0

    def cublasSetWorkspace_v2(self, handle, address, size):
        self._workspace = address
        return 0

    def cublasGemmStridedBatchedEx(self, handle, turn_a, turn_b, m, n, k, alpha, a, a_type, lda, a_jump, b, b_type, ldb, b_jump,
                                   beta, c, c_type, ldc, c_jump, count, compute, algorithm):
        """C = alpha op(A) op(B) + beta C, for `count` column-major matrices, which are rejected as cuBLAS rejects them."""
        assert self._workspace is not None, "the workspace is lost when the stream is set"
        if lda < (k if turn_a else m) or ldb < (n if turn_b else k) or ldc < m:
            return 7  # CUBLAS_STATUS_INVALID_VALUE
        self.calls.append(compute)
        scale_a, scale_c = (x._obj.value for x in (alpha, beta))

        def multiply():
            for i in range(count):
                left = _matrix(a, a_type, lda, i * a_jump, (k, m) if turn_a else (m, k))
                right = _matrix(b, b_type, ldb, i * b_jump, (n, k) if turn_b else (k, n))
                result = _matrix(c, c_type, ldc, i * c_jump, (m, n))
                product = scale_a * (left.T if turn_a else left) @ (right.T if turn_b else right)
                result[...] = product + scale_c * result if scale_c else product

        self._change(multiply)
        return 0


def _matrix(address, kind, step, offset, shape):
    """Return the column-major matrix at an address, as an array."""
    dtype = np.dtype(DTYPES[kind])
    rows, columns = shape
    size = (columns - 1) * step + rows
    flat = np.frombuffer((ctypes.c_char * (size * dtype.itemsize)).from_address(address + offset * dtype.itemsize), dtype)
    return np.lib.stride_tricks.as_strided(flat, shape, (dtype.itemsize, step * dtype.itemsize))
