"""What RGBDPairData and FrameData share: a pair file or a procedural world behind the tops, fetched a batch ahead."""

import os
from dataclasses import dataclass

from pycaffe_geo.datasets.cache import pair_path, world_size
from pycaffe_geo.datasets.pairs import PairFile
from pycaffe_geo.errors import DataError
from pycaffe_geo.families.batches import BatchOrder, Prefetcher
from pycaffe_geo.layer import Layer


@dataclass(frozen=True)
class CameraParam:
    """What all procedural worlds have: a split, and the fields of datasets/rooms.py's World, with its defaults."""

    split: str | None = None
    width: int | None = None
    height: int | None = None
    fov_deg: float | None = None
    fx: float | None = None
    fy: float | None = None
    cx: float | None = None
    cy: float | None = None
    rotation_deg: float | None = None
    translation_m: float | None = None
    depth_range: tuple[float, ...] | None = None
    samples: int | None = None
    seed: int | None = None


class FrameFileData(Layer):
    """A subclass calls `begin` in setup and gives `usable` and `fetch`; `size` is (height, width), `file` the PairFile.

    What batch p holds depends on (seed, layer name, p) alone.
    """

    bottoms = (0, 0)
    is_data = True

    def begin(self, param):
        """Take source, batch_size, shuffle, prefetch and world of the layer's parameter; a file is opened here."""
        self.param = param
        self.world = {k: v for k, v in vars(param.world).items() if v is not None}
        self.position = 0
        self.file = None
        try:
            self.size = world_size(param.source, **self.world)  # rendered on first use: many tools need the sizes alone
        except DataError as e:
            raise DataError(f"{self.where}: {e}") from e
        if self.size is None:
            self._open()
            self.size = self.file.height, self.file.width

    def usable(self):
        """Return the numbers of the records of `self.file` to use, at least one; DataError where it has none."""
        raise NotImplementedError(f"{type(self).__name__} has no usable")

    def fetch(self, records, position):
        """Return the arrays of all tops for `records` (N,); `position` is the batch number, which keys all draws."""
        raise NotImplementedError(f"{type(self).__name__} has no fetch")

    def _open(self):
        p = self.param
        base = os.path.dirname(self.definition.place.file) if self.definition.place else "."
        try:
            self.file = PairFile(pair_path(p.source, base or ".", progress=True, **self.world))
            self.good = self.usable()
        except DataError as e:
            raise DataError(f"{self.where}: {e}") from e
        self.order = BatchOrder(len(self.good), p.batch_size, p.shuffle, (self.clock.seed, self.name))
        self.next_batch = Prefetcher(self._fetch).get if p.prefetch else self._fetch

    def _fetch(self, position):
        return self.fetch(self.good[self.order.records(position)], position)

    def forward(self, bottom, top):
        if self.file is None:
            self._open()
        batch = self.next_batch(self.position)
        self.position += 1
        for blob, values in zip(top, batch):
            blob.data[...] = self.device.asarray(values, dtype=self.dtype)
