"""Products of matrices."""

import numpy as np

from pycaffe_geo.blob import Pool
from pycaffe_geo.ops.onednn.product import onednn_product
from pycaffe_geo.ops.wide import is_half, widened

BLOCK = 1 << 20  # elements of a product made at a time where it is added: adding it then stays in the cache


def plan_product(dtype, device):
    """Return a function product(left, right, out, add=False) that writes the matrix left @ right to `out`, or adds it there.

    left (M, K) and right (K, N) are C-contiguous or the transpose of such an array; out (M, N) is C-contiguous. Sums over K are
    float32 for float16 arrays: NumPy's own are hundreds of times slower, cuBLAS adds so.
    """
    if is_half(dtype) and device.xp is np:
        return widened(plan_product("float32", device), 2)
    return onednn_product(np.dtype(dtype), device) or _product(Pool(device), device)


def _product(pool, device):
    def product(left, right, out, add=False):
        if not add:
            device.matmul(left, right, out)
            return
        rows = max(1, BLOCK // max(1, out.shape[1]) if device.xp is np else len(out))
        for i in range(0, len(out), rows):
            part = out[i:i + rows]
            made = pool.get(part.shape, out.dtype)
            device.matmul(left[i:i + rows], right, made)
            part += made

    return product
