"""Caffe's Datum: one picture and its label, as the records of an LMDB hold them."""

import io
import math

import numpy as np

from pycaffe_geo.datasets.images import read_planes
from pycaffe_geo.errors import DataError
from pycaffe_geo.wire import Message

_CHANNELS, _HEIGHT, _WIDTH, _DATA, _LABEL, _FLOAT_DATA, _ENCODED = range(1, 8)  # the field numbers of caffe.proto


def read_datum(record, where, color=None):
    """Return (picture (C, H, W) uint8 or float32, label) of the bytes of a Datum.

    Encoded pictures are decoded to BGR (color True), grey (False) or as they are stored (None: one or three channels).
    DataError begins with `where`.
    """
    numbers = dict.fromkeys((_CHANNELS, _HEIGHT, _WIDTH, _LABEL, _ENCODED), 0)
    raw, floats = b"", []
    for field in Message(record, where):
        if field.number in numbers:
            numbers[field.number] = field.integer()
        elif field.number == _DATA:
            raw = field.bytes()
        elif field.number == _FLOAT_DATA:
            floats.append(field.array("<f4"))
    if numbers[_ENCODED]:
        return read_planes(io.BytesIO(raw), color, where), numbers[_LABEL]
    values = np.frombuffer(raw, np.uint8) if raw else np.concatenate(floats or [np.zeros(0, np.float32)])
    shape = numbers[_CHANNELS], numbers[_HEIGHT], numbers[_WIDTH]
    if min(shape) < 1 or math.prod(shape) != values.size:
        raise DataError(f"{where}: a Datum of {shape} (channels, height, width) holds {values.size} value(s), which does not fit")
    return values.reshape(shape), numbers[_LABEL]
