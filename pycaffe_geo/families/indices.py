"""Bottoms that hold whole numbers: places in another array."""

import numpy as np

from pycaffe_geo.errors import DataError


def whole_numbers(layer, blob, size):
    """Return the data of `blob` as integers; DataError names `layer` where one is no whole number 0..size-1.

    On a GPU most iterations go unchecked; a wrong number then means any other one.
    """
    index = blob.data.astype(np.int64)
    if not layer.looks_now():
        return index.clip(0, size - 1)
    bad = (index != blob.data) | (index < 0) | (index >= size)
    if bad.any():
        value = float(blob.data[bad][0])
        raise DataError(f"{layer.where}: bottom '{blob.name}' holds {value:g}, expected whole numbers 0 to {size - 1}")
    return index
