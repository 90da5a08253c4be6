"""Depth or disparity maps from whatever holds them: a folder, a 16-bit PNG, .npy, .npz or HDF5."""

import re
import zlib
from functools import partial
from pathlib import Path
from tokenize import TokenError
from zipfile import BadZipFile

import numpy as np

from pycaffe_geo.datasets.images import in_order, read_depth
from pycaffe_geo.errors import DataError, listed, nearest

_PICTURES, _HDF5 = (".png",), (".h5", ".hdf5")
_IN_FOLDER = (*_PICTURES, ".npy", ".npz")
_WITH_ARRAY = re.compile(r"(.+\.(?:npz|h5|hdf5)):([^:\\]+)")
# What NumPy's and HDF5's readers raise for damaged files.
DAMAGE = (OSError, ValueError, EOFError, KeyError, TypeError, ArithmeticError, RuntimeError, SyntaxError, BadZipFile, zlib.error,
          TokenError)


def depth_maps(path, scale=1000):
    """Return [(name, read)], in order; read() returns that map (H, W) float32.

    path: a folder of PNG, .npy and .npz files, one map in each, named by their stems, in the order of `in_order`; or one file,
    whose arrays may be (H, W), (N, H, W), (N, 1, H, W) or (N, H, W, 1). `file.h5:depth` names the array where a file has several.
    scale: values of a 16-bit PNG per unit; arrays are taken as they are. DataError names what cannot be read.
    """
    path = Path(path)
    if not path.is_dir():
        return _file_maps(str(path), scale)
    files = in_order(path, _IN_FOLDER)
    if not files:
        raise DataError(f"{path}: no maps in this folder, expected files of {listed(_IN_FOLDER)}")
    by_stem = {f.stem: f for f in files}
    for file in files:
        if by_stem[file.stem] != file:
            raise DataError(f"{path}: has {file.name} and {by_stem[file.stem].name}; expected one file for each map")
    return [(stem, partial(_single, file, scale)) for stem, file in by_stem.items()]


def _single(path, scale):
    maps = _file_maps(str(path), scale)
    if len(maps) != 1:
        raise DataError(f"{path}: has {len(maps)} maps, expected one in each file of a folder")
    return maps[0][1]()


def _file_maps(text, scale):
    match = _WITH_ARRAY.fullmatch(text)
    path, name = (Path(match[1]), match[2]) if match else (Path(text), None)
    if not path.is_file():
        raise DataError(f"{path}: no such file or folder")
    if path.suffix.lower() in _PICTURES:
        return [(path.stem, partial(read_depth, path, scale))]
    array = _array(path, name)
    shape = array.shape or ()  # HDF5 has arrays without a shape
    if len(shape) not in (2, 3, 4) or len(shape) == 4 and 1 not in (shape[1], shape[3]) or 0 in shape:
        raise DataError(f"{path}: the array is {shape}, expected (H, W), (N, H, W), (N, 1, H, W) or (N, H, W, 1)")
    if len(shape) == 2:
        return [(path.stem, partial(_map, array, ..., path))]
    return [(f"{path.stem}[{i}]", partial(_map, array, i, path)) for i in range(len(array))]


def _map(array, i, path):
    try:
        image = np.asarray(array[i], np.float32)
    except DAMAGE as e:
        raise DataError(f"{path}: map {i} cannot be read (file cut short?): {e}") from e
    return image if image.ndim == 2 else image.squeeze(0 if image.shape[0] == 1 else 2)


def _array(path, name):
    """Return the array of numbers `name`, or the only one, of a .npy, .npz or HDF5 file."""
    try:
        array = _open(path, name)
        if array.dtype.kind not in "fiu":
            raise DataError(f"{path}: the array holds {array.dtype}, expected numbers")
    except DAMAGE as e:
        raise DataError(f"{path}: cannot be read as {path.suffix}: {e}") from e
    return array


def _open(path, name):
    """Return the array; rows of .npy and HDF5 are read as they are indexed."""
    import h5py

    suffix = path.suffix.lower()
    if suffix in _HDF5:
        file = h5py.File(path, "r")  # stays open as long as its array is used
        return file[_choose(path, name, [key for key, item in file.items() if isinstance(item, h5py.Dataset)])]
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as file:
            return file[_choose(path, name, file.files)]
    if suffix == ".npy":
        return np.load(path, mmap_mode="r", allow_pickle=False)
    raise DataError(f"{path}: expected a folder or a file of {listed((*_IN_FOLDER, *_HDF5))}")


def _choose(path, name, names):
    """Return `name` where it is one of `names`; where it is None the only one of them, or `depth`."""
    if name is None and len(names) == 1:
        return names[0]
    wanted = name or "depth"
    if wanted not in names:
        hint = nearest(wanted, names) if name else f"; say which: {path.name}:NAME"
        raise DataError(f"{path}: has no array '{wanted}' (there are {listed(names)}){hint}")
    return wanted
