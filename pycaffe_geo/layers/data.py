"""Data layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.datasets.lmdb_file import open_lmdb
from pycaffe_geo.errors import DataError, SpecError
from pycaffe_geo.datasets.datum import read_datum
from pycaffe_geo.families.pictures import PictureData
from pycaffe_geo.families.sources import beside, net_file
from pycaffe_geo.families.transformer import TransformParam
from pycaffe_geo.layer import register


@dataclass(frozen=True)
class DataParam:
    """`source`: the folder of an LMDB. `rand_skip`: begin at a record below this number, drawn once. `force_encoded_color`: the
    older name of transform_param's force_color. `prefetch` is read for Caffe's sake: one batch is fetched ahead."""

    source: str = ""
    batch_size: int = 1
    rand_skip: int = 0
    backend: Literal["LEVELDB", "LMDB"] = "LMDB"
    force_encoded_color: bool = False
    prefetch: int = 4

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")
        if self.rand_skip < 0:
            raise ValueError(f"rand_skip is {self.rand_skip}, expected at least 0")


@register
class Data(PictureData):
    """The records of an LMDB of Datums, in the order of their keys, over and over (Caffe's Data).

    Tops: pictures (N, C, h, w), raw bytes, floats or encoded pictures (BGR), after `transform_param`; labels (N,). What batch p
    holds depends on (seed, layer name, p) alone. Needs the package lmdb. A relative source holds from the current directory, else
    beside the network file. What cannot be read raises DataError.
    """

    parameters = {"data_param": DataParam, "transform_param": TransformParam}

    def setup(self, bottom, top):
        p = self.data_param
        if p.backend == "LEVELDB":
            raise SpecError(f"{self.where}: data_param: backend LEVELDB is not supported, expected LMDB: "
                            "convert the data to an LMDB or to HDF5 files")
        if not p.source:
            raise DataError(f"{self.where}: source is missing; expected the folder of an LMDB")
        try:
            self.file = open_lmdb(beside(p.source, net_file(self)))
        except DataError as e:
            raise DataError(f"{self.where}: source '{p.source}': {e}") from e
        self.begin(top, len(self.file), p.batch_size, rand_skip=p.rand_skip)

    def record(self, number):
        color = True if self.transform_param.force_color or self.data_param.force_encoded_color else None
        color = False if self.transform_param.force_gray else color
        return read_datum(self.file.record(number), f"{self.where}: {self.describe(number)}", color)

    def describe(self, number):
        return self.file.describe(number)
