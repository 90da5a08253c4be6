"""Arrays of numbers in MATLAB's files of version 5, up to 7, such as NYUDv2's splits.mat."""

import struct
import zlib
from math import prod
from pathlib import Path

import numpy as np

from pycaffe_geo.errors import DataError, listed, nearest

_MATRIX, _COMPRESSED = 14, 15
_NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_CLASSES = range(6, 16)  # double, single, and whole numbers of 8 to 64 bits
_COMPLEX = 0x0800
_LARGEST = 2**26         # bytes of one array


def read_matlab(path, name):
    """Return the array `name` of real numbers, with MATLAB's shape; other arrays may be of any kind.

    Source of the layout: MathWorks, "MAT-File Format". Raises DataError with the path, what was found and what was expected.
    """
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as e:
        raise DataError(f"{path.absolute()}: cannot be read: {e}") from e
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None or struct.unpack(f"{order}H", data[124:126]) != (0x100,):
        raise DataError(f"{path}: begins with {data[:20]!r}, expected a MATLAB file of version 5 to 7")
    try:
        found = _find(data[128:], order, name)
    except (struct.error, zlib.error, ValueError, LookupError, StopIteration) as e:
        raise DataError(f"{path}: damaged, or cut short: {e!r}") from e
    if not isinstance(found, np.ndarray):
        raise DataError(f"{path}: has no array of real numbers '{name}'{nearest(name, found)} (it has {listed(found)})")
    return found


def _find(data, order, name):
    """Return the array `name`, or the names of all where there is none."""
    names = []
    for kind, element in _elements(data, order):
        if kind == _COMPRESSED:
            kind, element = next(_elements(zlib.decompressobj().decompress(element, _LARGEST), order))
        if kind == _MATRIX:
            (_, flags), (_, shape), (_, letters), *values = _elements(element, order)
            names.append(bytes(letters).decode("latin-1"))
            flags = struct.unpack(f"{order}I", flags[:4])[0]
            if names[-1] == name and flags & 0xff in _CLASSES and not flags & _COMPLEX:
                return _array(*values[0], np.frombuffer(shape, f"{order}i4").tolist(), order)
    return names


def _array(kind, values, shape, order):
    numbers = np.frombuffer(values, order + _NUMBERS[kind])
    if len(numbers) != prod(shape):
        raise ValueError(f"{len(numbers)} numbers in an array of {shape}")
    return numbers.reshape(shape, order="F")


def _elements(data, order):
    """Yield (type, bytes) of the elements in `data`, one after the other."""
    place = 0
    while place < len(data):
        kind, size = struct.unpack_from(f"{order}2I", data, place)
        if kind >> 16:  # up to 4 bytes stand in the place of the size
            kind, size, start, place = kind & 0xffff, kind >> 16, place + 4, place + 8
        else:
            start = place + 8
            place = start + size if kind == _COMPRESSED else start + -(-size // 8) * 8
        if start + size > len(data):
            raise ValueError(f"an element of {size} bytes at byte {start}, only {len(data) - start} follow")
        yield kind, data[start:start + size]
