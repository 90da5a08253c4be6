"""The array module of a GPU, with the products that CuPy gives to cuBLAS made otherwise: CuPy refuses to record those calls.

So are concatenations of many arrays, whose addresses CuPy would upload.

The operator @ and methods of arrays such as x.dot stay CuPy's.
"""

import types

import numpy as np

AT_ONCE = 8  # arrays that CuPy concatenates by one copy each


def recordable(xp, multiply):
    """Return a copy of the module `xp` whose matmul, vdot, concatenate and einsum (with "->", without "...") a GPU can record.

    multiply(left, right, out) writes a product of matrices.
    """

    def matmul(left, right, out=None):
        if out is None:
            batch = np.broadcast_shapes(left.shape[:-2], right.shape[:-2])
            out = xp.empty((*batch, left.shape[-2], right.shape[-1]), np.promote_types(left.dtype, right.dtype))
        fitting = [xp.ascontiguousarray(a, out.dtype) if _has_gaps(a) or a.dtype != out.dtype else a for a in (left, right)]
        multiply(*fitting, out)
        return out

    def vdot(a, b):
        return (a.reshape(-1) * b.reshape(-1)).sum()

    def einsum(subscripts, *arrays):
        inputs, result = subscripts.replace(" ", "").split("->")
        labels = inputs.split(",")
        order = result + "".join(dict.fromkeys(c for c in inputs if c not in result + ","))
        factors = [_along(order, *pair) for pair in zip(labels, arrays)]
        product = factors[0]
        for factor in factors[1:]:
            product = product * factor
        summed = tuple(range(len(result), len(order)))
        return product.sum(axis=summed) if summed else product

    def concatenate(arrays, axis=0, out=None):
        while len(arrays) > AT_ONCE:
            arrays = [xp.concatenate(arrays[i:i + AT_ONCE], axis) for i in range(0, len(arrays), AT_ONCE)]
        return xp.concatenate(arrays, axis, out=out)

    module = types.ModuleType(xp.__name__)
    module.__dict__.update(xp.__dict__)
    module.__dict__.update(matmul=matmul, vdot=vdot, einsum=einsum, concatenate=concatenate)
    return module


def _along(order, labels, array):
    """Return `array`, whose axes are `labels`, with an axis for each letter of `order`."""
    turned = array.transpose([labels.index(c) for c in order if c in labels])
    return turned[tuple(slice(None) if c in labels else None for c in order)]


def _has_gaps(array):
    """True where neither rows nor columns of the matrices lie without gaps."""
    item, (rows, columns) = array.dtype.itemsize, array.shape[-2:]
    by_row, by_column = array.strides[-2:]
    by_rows = (columns == 1 or by_column == item) and (rows == 1 or by_row >= columns * item)
    by_columns = (rows == 1 or by_row == item) and (columns == 1 or by_column >= rows * item)
    return not (by_rows or by_columns)
