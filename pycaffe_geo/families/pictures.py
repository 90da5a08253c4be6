"""What ImageData and Data share: tops of transformed pictures and labels, fetched a batch ahead."""

import numpy as np

from pycaffe_geo.families.batches import BatchOrder, Prefetcher
from pycaffe_geo.families.transformer import Transformer
from pycaffe_geo.layer import Layer


class PictureData(Layer):
    """Tops: pictures (N, C, h, w) and labels (N,). A subclass calls `begin` in setup and gives `record` and `describe`.

    Without crop_size and a common size, every batch has the size of its pictures, so they must agree within it.
    """

    bottoms = (0, 0)
    tops = (1, 2)
    is_data = True

    def begin(self, top, count, batch_size, shuffle=False, rand_skip=0):
        """Set the order of `count` records, and the tops' shapes by the first of them."""
        self.position = 0
        self.check_memory("the labels", batch_size)
        key = (self.clock.seed, self.name)
        self.order = BatchOrder(count, batch_size, shuffle, key, rand_skip=rand_skip)
        self.transformer = Transformer(self)
        self.next_batch = Prefetcher(self._fetch).get
        first = self.order.records(0)[0]
        shape = self.transformer.shape(self.record(first)[0].shape, self.describe(first))
        _reshape(top, (batch_size, *shape))

    def record(self, number):
        """Return (picture (C, H, W), label) of a record."""
        raise NotImplementedError(f"{type(self).__name__} has no record")

    def describe(self, number):
        """Return where a record stands, for messages."""
        raise NotImplementedError(f"{type(self).__name__} has no describe")

    def reshape(self, bottom, top):
        """The tops keep the shape of the last batch."""

    def forward(self, bottom, top):
        pictures, labels = self.next_batch(self.position)
        self.position += 1
        _reshape(top, pictures.shape)
        for blob, values in zip(top, (pictures, labels)):
            blob.data[...] = self.device.asarray(values)

    def _fetch(self, position):
        numbers = self.order.records(position).tolist()
        pictures, labels = zip(*map(self.record, numbers))
        batch = self.transformer(pictures, position, lambda i: self.describe(numbers[i]))
        return batch, np.array(labels, self.dtype)


def _reshape(top, shape):
    for blob, wanted in zip(top, (shape, shape[:1])):
        blob.reshape(*wanted)
