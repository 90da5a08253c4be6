"""Products of matrices."""

import numpy as np

from pycaffe_geo.blob import Pool
from pycaffe_geo.ops import threads
from pycaffe_geo.ops.onednn.product import onednn_product
from pycaffe_geo.ops.wide import is_half, widened


def plan_product(dtype, device):
    """Return a function product(left, right, out, add=False) that writes the matrix left @ right to `out`, or adds it there.

    left (M, K) and right (K, N) are C-contiguous or the transpose of such an array; out (M, N) is C-contiguous. Sums over K are
    float32 for float16 arrays: NumPy's own are hundreds of times slower, cuBLAS adds so.
    """
    if is_half(dtype) and device.xp is np:
        return widened(plan_product("float32", device), 2)
    return onednn_product(np.dtype(dtype), device) or (threads.matmul if device.xp is np else _product(Pool(device), device))


def _product(pool, device):
    def product(left, right, out, add=False):
        if add:
            made = pool.get(out.shape, out.dtype)
            device.matmul(left, right, made)
            out += made
        else:
            device.matmul(left, right, out)

    return product
