"""Weights files: HDF5 in Caffe's own layout, /data/<layer>/<index>, to and from {layer: [arrays]}; knows no Net."""

import os
import tempfile
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pycaffe_geo.errors import WeightsError


@contextmanager
def atomic_file(path):
    """Yield a temporary path beside `path`; it replaces `path` when the block ends well and is removed when it does not."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        yield temporary
        with open(temporary, "rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, path)
    finally:
        if os.path.exists(temporary):
            os.unlink(temporary)


def _umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


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
        except (OSError, KeyError, RuntimeError) as e:
            raise error(f"{path}: damaged or incomplete HDF5 file ({e})") from e


def read_weights(path):
    """Return {layer name: [NumPy arrays]} from a weights file; layers without parameters are left out.

    None stands in the place of a parameter that another layer owns.
    """
    with open_hdf5(path) as file:
        data = file.get("data")
        if data is None or not hasattr(data, "items"):
            raise WeightsError(f"{path}: has no group '/data'; a weights file (.caffemodel.h5) keeps its layers there")
        found = {}

        def visit(name, item):
            layer, _, index = name.rpartition("/")
            if hasattr(item, "shape") and index.isdigit():
                found.setdefault(layer, {})[int(index)] = np.asarray(item)

        data.visititems(visit)
        return {layer: [arrays.get(i) for i in range(max(arrays) + 1)] for layer, arrays in found.items()}


def write_weights(path, weights, diffs=None):
    """Write {layer name: [NumPy arrays]} to `path` atomically, `diffs` likewise under /diff; an empty list makes an empty group.

    None leaves the place of a parameter empty, as Caffe does with one that another layer owns.
    """
    import h5py

    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file:
        for section, content in (("data", weights), ("diff", diffs)):
            if content is None:
                continue
            root = file.create_group(section)
            for layer, arrays in content.items():
                group = root.create_group(layer)
                for i, array in enumerate(arrays):
                    if array is not None:
                        group.create_dataset(str(i), data=array)
