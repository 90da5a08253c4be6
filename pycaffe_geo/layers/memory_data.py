"""MemoryData layer."""

import logging
from dataclasses import dataclass

import numpy as np

from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.families.transformer import Transformer, TransformParam
from pycaffe_geo.layer import Layer, register

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MemoryDataParam:
    """The sizes of top 0."""

    batch_size: int = 0
    channels: int = 0
    height: int = 0
    width: int = 0

    def __post_init__(self):
        for key, value in vars(self).items():
            if value < 1:
                raise ValueError(f"{key} is {value}, expected at least 1")


@register
class MemoryData(Layer):
    """Arrays that a script hands in, batch by batch and over again (Caffe's MemoryData).

    Tops: data (batch_size, channels, height, width) and labels (batch_size,). `reset` takes ready data, which
    `transform_param` leaves alone, as in Caffe; `add_pictures` takes pictures, which it changes.
    """

    bottoms = (0, 0)
    tops = (2, 2)
    parameters = {"memory_data_param": MemoryDataParam, "transform_param": TransformParam}
    is_data = True

    def setup(self, bottom, top):
        p = self.memory_data_param
        self.transformer = Transformer(self)
        self.position = 0
        self.data = self.labels = None
        top[0].reshape(p.batch_size, p.channels, p.height, p.width)
        top[1].reshape(p.batch_size)

    def reshape(self, bottom, top):
        """Shapes stay as they are."""

    def reset(self, data, labels):
        """Take data (n, channels, height, width) and n labels of any shape, n a multiple of batch_size, and begin with the first.

        Arrays of the net's dtype are not copied: what is written to them later is seen. ShapeError where they do not fit.
        """
        if self.transformer.active:
            log.warning("%s: transform_param does not change arrays given by reset", self.where)
        self._take(np.asarray(data, self.dtype), labels)

    def add_pictures(self, pictures, labels):
        """Take pictures (H, W, C), such as uint8 BGR, and their labels; `transform_param` changes them (Caffe's AddMatVector)."""
        planes = [np.asarray(p).transpose(2, 0, 1) for p in pictures]
        self._take(self.transformer(planes, 0), labels)

    def _take(self, data, labels):
        p = self.memory_data_param
        wanted = (p.channels, p.height, p.width)
        if data.shape[1:] != wanted or not len(data) or len(data) % p.batch_size:
            raise ShapeError(f"{self.where}: got data {data.shape}, expected (n, {', '.join(map(str, wanted))}) "
                             f"with n a multiple of batch_size {p.batch_size}")
        labels = np.asarray(labels, self.dtype)
        if labels.size != len(data):
            raise ShapeError(f"{self.where}: got labels {labels.shape}, expected one for each of {len(data)} rows of data")
        self.data, self.labels, self.position = data, labels.reshape(-1), 0

    def forward(self, bottom, top):
        if self.data is None:
            raise DataError(f"{self.where}: has no data yet; give it some with reset(data, labels)")
        size = self.memory_data_param.batch_size
        first = self.position * size % len(self.data)
        self.position += 1
        for blob, values in zip(top, (self.data, self.labels)):
            blob.data[...] = self.device.asarray(values[first:first + size])
