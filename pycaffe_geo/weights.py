"""Weights files to and from {layer: [arrays]}; knows no Net.

They are HDF5 in Caffe's own layout, /data/<layer>/<index>, or Caffe's binary .caffemodel.
"""

import os
import struct
from contextlib import contextmanager

import numpy as np

from pycaffe_geo.atomic import atomic_file
from pycaffe_geo.caffemodel import caffemodel_layer, read_caffemodel
from pycaffe_geo.errors import WeightsError

BINARY = ".caffemodel"
_HDF5 = b"\x89HDF\r\n\x1a\n"
_HEAP_BYTES = 2**16
_MAX_INDEX = 1000  # of a parameter within its layer
_MAX_GROWTH = 50  # bytes of arrays for a byte of the file: compressed weights stay far below


@contextmanager
def open_hdf5(path, error=WeightsError):
    """Yield `path` opened for reading as HDF5; a missing, foreign or damaged file raises `error` naming it."""
    import h5py

    if not os.path.isfile(path):
        raise error(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")
    except OSError as e:
        raise error(f"{path}: not a readable HDF5 file ({e})") from e
    with file:
        try:
            yield file
        except (OSError, KeyError, RuntimeError, ValueError, TypeError) as e:  # h5py raises all of them for damaged files
            raise error(f"{path}: damaged or incomplete HDF5 file ({e})") from e


def check_arrays(path, items):
    """Raise WeightsError where one of the HDF5 items holds no numbers, or all would take far more memory than the file."""
    for item in items:
        if getattr(item, "shape", None) is None or item.dtype.kind not in "fiu":
            raise WeightsError(f"{path}: {item.name} holds no numbers")
    needed, size = sum(item.size * item.dtype.itemsize for item in items), os.path.getsize(path)
    if needed > _MAX_GROWTH * size:
        raise WeightsError(f"{path}: its arrays would take {needed} bytes, which the file of {size} bytes cannot hold")


def read_text(path, item):
    """Return the text that a scalar dataset holds; WeightsError where it holds none.

    Texts of variable length are looked up in the file's heap here: the HDF5 library can hang on a damaged heap.
    """
    dtype = getattr(item, "dtype", None)
    if getattr(item, "shape", None) != () or dtype.kind not in "SO":
        raise WeightsError(f"{path}: {item.name} is no text")
    raw = item[()] if dtype.kind == "S" else _from_heap(path, item.id.get_offset())
    try:
        return raw.decode()
    except (AttributeError, UnicodeDecodeError):
        raise WeightsError(f"{path}: {item.name} is damaged, expected a text") from None


def _from_heap(path, offset):
    """Return the bytes that the reference at `offset` (length, address of a heap, number in it) means, None where damaged."""
    if offset is None:
        return None
    with open(path, "rb") as file:
        file.seek(offset)
        length, address, number = struct.unpack("<IQI", file.read(16).ljust(16, b"\0"))
        file.seek(min(address, os.path.getsize(path)))
        heap = file.read(_HEAP_BYTES)
    at, found = 16, 0  # after "GCOL", version and size: number, references, reserved, size, and the bytes, padded to 8
    while heap.startswith(b"GCOL") and at + 16 <= len(heap):
        found, _, size = struct.unpack_from("<HHxxxxQ", heap, at)
        if found == number:
            text = heap[at + 16:at + 16 + length]
            return text if len(text) == length <= size else None
        at += 16 + size + -size % 8
    return None


def read_weights(path):
    """Return {layer name: [NumPy arrays]} from a weights file, HDF5 or binary; layers without parameters are left out.

    None stands in the place of a parameter that another layer owns (HDF5 leaves it out). The first bytes of the file tell its
    kind. WeightsError names the file and what cannot be read.
    """
    if not _is_hdf5(path):
        try:
            return read_caffemodel(path)
        except WeightsError as e:
            if os.fspath(path).endswith(BINARY):
                raise
            raise WeightsError(f"{e}; expected a weights file (.caffemodel.h5 or {BINARY})") from e
    with open_hdf5(path) as file:
        data = file.get("data")
        if data is None or not hasattr(data, "items"):
            raise WeightsError(f"{path}: has no group '/data'; a weights file (.caffemodel.h5) keeps its layers there")
        found = {}
        for layer, index, item in _datasets(path, data):
            found.setdefault(layer, {})[index] = np.asarray(item)
        return {layer: [arrays.get(i) for i in range(max(arrays) + 1)] for layer, arrays in found.items()}


def write_weights(path, weights, diffs=None):
    """Write {layer name: [NumPy arrays]} to `path` atomically, and `diffs` likewise.

    A name that ends in .caffemodel makes Caffe's binary file, any other HDF5, with the diffs under /diff; there an empty list
    makes an empty group, and None leaves the place of a parameter empty, as Caffe does with one that another layer owns.
    """
    binary = os.fspath(path).endswith(BINARY)
    for layer, arrays in weights.items():
        if binary and any(array is None for array in arrays):
            raise WeightsError(
                f"{path}: layer '{layer}' lacks a parameter that another layer owns; a {BINARY} file must hold them all: "
                "save it from the net, or give the file a name that ends in .caffemodel.h5"
            )
    with atomic_file(path) as temporary:
        if binary:
            _write_binary(temporary, weights, diffs or {})
        else:
            _write_hdf5(temporary, weights, diffs)


def _is_hdf5(path):
    """Tell by the first bytes; where they are foreign or missing by the name, so that messages speak of the kind meant."""
    try:
        with open(path, "rb") as file:
            start = file.read(len(_HDF5))
    except OSError:
        start = b""
    return start == _HDF5 or os.fspath(path).endswith((".h5", ".hdf5"))


def _datasets(path, data):
    """Return [(layer, index, dataset)] of the group /data, with nothing read; WeightsError where they cannot be weights."""
    found = []

    def visit(name, item):
        layer, _, index = name.rpartition("/")
        if hasattr(item, "shape") and index.isascii() and index.isdigit():
            found.append((layer, index, item))

    data.visititems(visit)
    check_arrays(path, [item for _, _, item in found])
    for layer, index, item in found:
        if len(index) > 4 or int(index) > _MAX_INDEX:
            raise WeightsError(f"{path}: {item.name}: expected a parameter number of at most {_MAX_INDEX}")
    return [(layer, int(index), item) for layer, index, item in found]


def _write_binary(path, weights, diffs):
    with open(path, "wb") as file:
        for layer, arrays in weights.items():
            file.write(caffemodel_layer(layer, arrays, diffs.get(layer, ())))


def _write_hdf5(path, weights, diffs):
    import h5py

    with h5py.File(path, "w") as file:
        for section, content in (("data", weights), ("diff", diffs)):
            if content is None:
                continue
            root = file.create_group(section)
            for layer, arrays in content.items():
                group = root.create_group(layer)
                for i, array in enumerate(arrays):
                    if array is not None:
                        group.create_dataset(str(i), data=array)
