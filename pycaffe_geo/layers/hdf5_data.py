"""HDF5Data layer."""

import os
from dataclasses import dataclass

import numpy as np

from pycaffe_geo.errors import DataError, listed, nearest
from pycaffe_geo.families.batches import BatchOrder
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.weights import open_hdf5

_LIST = "a text file with the name of one HDF5 file on each line"


@dataclass(frozen=True)
class HDF5DataParam:
    """`source`: a text file with the name of one HDF5 file on each line. `shuffle`: every epoch takes the files, and the rows
    of each, in a new order."""

    source: str = ""
    batch_size: int = 1
    shuffle: bool = False

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")


@register
class HDF5Data(Layer):
    """Rows of HDF5 files: each top is the dataset of its name, (batch_size, ...) of (rows, ...) (Caffe's HDF5Data).

    Batches run on from file to file and from the last to the first; one file is in memory at a time. What batch p holds depends
    on (seed, layer name, p) alone. Relative names hold from the current directory, else beside the file that has them (the
    network file, the list). What is missing or does not fit raises DataError.
    """

    bottoms = (0, 0)
    tops = (1, None)
    parameters = {"hdf5_data_param": HDF5DataParam}
    is_data = True

    def setup(self, bottom, top):
        p = self.hdf5_data_param
        self.names = [blob.name for blob in top]
        try:
            self.files = _read_list(p.source, self.definition.place.file if self.definition.place else "")
            counts = self._check_files()
        except DataError as e:
            raise DataError(f"{self.where}: {e}") from e
        self.position = 0
        self.first_rows = np.cumsum([0, *counts[:-1]])
        self.order = BatchOrder(sum(counts), p.batch_size, p.shuffle, (self.clock.seed, self.name), blocks=counts)
        self.loaded = (None, None)

    def reshape(self, bottom, top):
        for blob, shape in zip(top, self.row_shapes):
            blob.reshape(self.hdf5_data_param.batch_size, *shape)

    def forward(self, bottom, top):
        records = self.order.records(self.position)
        self.position += 1
        files = np.searchsorted(self.first_rows, records, side="right") - 1
        batch = [np.empty(blob.shape, self.dtype) for blob in top]
        for file in dict.fromkeys(files.tolist()):
            here = files == file
            for rows, source in zip(batch, self._load(file)):
                rows[here] = source[records[here] - self.first_rows[file]]
        for blob, rows in zip(top, batch):
            blob.data[...] = self.device.asarray(rows)

    def _load(self, number):
        """Return the datasets of file `number`, one for each top."""
        if self.loaded[0] != number:
            self.loaded = (None, None)  # frees the memory before the next file takes it
            with open_hdf5(self.files[number], DataError) as file:
                self.loaded = (number, [file[name][()].astype(self.dtype, copy=False) for name in self.names])
        return self.loaded[1]

    def _check_files(self):
        """Set `row_shapes` and return the number of rows of each file."""
        counts, self.row_shapes = [], None
        for path in self.files:
            with open_hdf5(path, DataError) as file:
                shapes = [_shape(path, file, name) for name in self.names]
            for name, shape in zip(self.names, shapes):
                if shape[0] != shapes[0][0]:
                    raise DataError(f"{path}: dataset '{name}' has {shape[0]} rows, expected {shapes[0][0]} as '{self.names[0]}'")
            self.row_shapes = self.row_shapes or [s[1:] for s in shapes]
            for name, shape, expected in zip(self.names, shapes, self.row_shapes):
                if shape[1:] != expected:
                    raise DataError(f"{path}: rows of '{name}' are {shape[1:]}, expected {expected} as in {self.files[0]}")
            counts.append(shapes[0][0])
        if not sum(counts):
            raise DataError(f"{listed(self.files)}: no rows")
        return counts


def _read_list(source, net_file):
    path = _beside(source, net_file)
    if not source or not os.path.isfile(path):
        raise DataError(f"source '{source}': no such file; expected {_LIST}")
    try:
        with open(path, encoding="utf-8") as file:
            names = file.read().split("\n")
    except UnicodeDecodeError as e:
        raise DataError(f"{path}: is no text; expected {_LIST}") from e
    files = [_beside(name.strip(), path) for name in names if name.strip()]
    if not files:
        raise DataError(f"{path}: lists no files")
    return files


def _beside(path, other):
    """Return `path` where it exists from the current directory, else beside the file `other`."""
    return path if os.path.exists(path) else os.path.join(os.path.dirname(other), path)


def _shape(path, file, name):
    if name not in file:
        raise DataError(f"{path}: no dataset '{name}'{nearest(name, file)} (it has {listed(file)})")
    data = file[name]
    if getattr(data, "dtype", np.dtype(object)).kind not in "fiub" or not data.shape:
        raise DataError(f"{path}: '{name}' is no dataset of numbers with at least one axis")
    return data.shape
