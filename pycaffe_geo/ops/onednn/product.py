"""Products of matrices by oneDNN's sgemm."""

import functools

import numpy as np

from pycaffe_geo.ops.onednn.library import library
from pycaffe_geo.ops.onednn.primitive import SHARED

FEW_ROWS = 8  # up to so many, sgemm is as fast on left @ right.T as on right @ left.T, beyond it much slower


def onednn_product(dtype, device):
    """Return the function of plan_product (ops/product.py), or None where oneDNN is absent."""
    found = library(device, dtype)
    return functools.partial(_product, found) if found else None


def _product(library, left, right, out, add=False):
    if not out.size:  # sgemm refuses it
        return
    if not len(right) and not add:
        out[...] = 0  # sgemm writes nothing
    if len(left) <= FEW_ROWS or right.flags.c_contiguous:
        _sgemm(library, left, right, out, add)
        return
    buffer = SHARED.get("product", out.nbytes)[:out.nbytes].view(np.float32).reshape(out.shape[::-1])
    _sgemm(library, right.T, left.T, buffer, False)
    if add:
        out += buffer.T
    else:
        out[...] = buffer.T


def _sgemm(library, left, right, out, add):
    (a, a_flag, a_row), (b, b_flag, b_row) = map(_operand, (left, right))
    if out.shape != (len(left), right.shape[1]) or left.shape[1] != len(right) or not out.flags.c_contiguous:
        raise ValueError(f"cannot write {left.shape} @ {right.shape} to {out.shape} with strides {out.strides}")
    library.sgemm(a_flag, b_flag, *out.shape, len(right), 1, a, a_row, b, b_row, add, out.ctypes.data, out.shape[1])


def _operand(matrix):
    """Return (address, b"N" or where it is stored transposed b"T", length of a stored row) of a matrix."""
    stored = matrix if matrix.flags.c_contiguous else matrix.T
    if not stored.flags.c_contiguous:
        raise ValueError(f"a matrix {matrix.shape} with strides {matrix.strides} is not contiguous, nor is its transpose")
    return stored.ctypes.data, b"N" if stored is matrix else b"T", max(1, stored.shape[1])
