"""HDF5Data layer."""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.errors import DataError, listed, nearest
from pycaffe_geo.families.batches import BatchOrder
from pycaffe_geo.families.sources import beside, net_file, read_lines
from pycaffe_geo.families.transformer import Transformer, TransformParam
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
    network file, the list). `transform_param`, which Caffe does not have here, changes the first top, whose rows must then be
    pictures (C, H, W). What is missing or does not fit raises DataError.
    """

    bottoms = (0, 0)
    tops = (1, None)
    parameters = {"hdf5_data_param": HDF5DataParam, "transform_param": TransformParam}
    is_data = True

    def setup(self, bottom, top):
        p = self.hdf5_data_param
        self.names = [blob.name for blob in top]
        try:
            path, lines = read_lines(p.source, net_file(self), _LIST)
            self.files = [beside(name, path) for _, name in lines]
            counts = self._check_files()
        except DataError as e:
            raise DataError(f"{self.where}: {e}") from e
        self.position = 0
        self.first_rows = np.cumsum([0, *counts[:-1]])
        self.order = BatchOrder(sum(counts), p.batch_size, p.shuffle, (self.clock.seed, self.name), blocks=counts)
        self.loaded = (None, None)
        self.transformer = Transformer(self)
        if self.transformer.active and len(self.row_shapes[0]) != 3:
            raise DataError(f"{self.where}: rows of '{self.names[0]}' are {self.row_shapes[0]}, "
                            "expected (channels, height, width) for transform_param")

    def reshape(self, bottom, top):
        shapes = list(self.row_shapes)
        if self.transformer.active:
            shapes[0] = self.transformer.shape(shapes[0], f"a row of '{self.names[0]}'")
        for blob, shape in zip(top, shapes):
            blob.reshape(self.hdf5_data_param.batch_size, *shape)

    def forward(self, bottom, top):
        batch = self._read(self.order.records(self.position))
        if self.transformer.active:
            batch[0] = self.transformer(batch[0], self.position)
        self.position += 1
        for blob, rows in zip(top, batch):
            blob.data[...] = self.device.asarray(rows)

    def _read(self, records):
        """Return the rows of the record numbers, one array for each top."""
        files = np.searchsorted(self.first_rows, records, side="right") - 1
        batch = [np.empty((len(records), *shape), self.dtype) for shape in self.row_shapes]
        for file in dict.fromkeys(files.tolist()):
            here = files == file
            for rows, source in zip(batch, self._load(file)):
                rows[here] = source[records[here] - self.first_rows[file]]
        return batch

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


def _shape(path, file, name):
    if name not in file:
        raise DataError(f"{path}: no dataset '{name}'{nearest(name, file)} (it has {listed(file)})")
    data = file[name]
    if getattr(data, "dtype", np.dtype(object)).kind not in "fiub" or not data.shape:
        raise DataError(f"{path}: '{name}' is no dataset of numbers with at least one axis")
    return data.shape
