"""RGBDPairData layer."""

import logging
import os
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.datasets.cache import pair_path, world_size
from pycaffe_geo.datasets.pairs import PairFile
from pycaffe_geo.errors import DataError
from pycaffe_geo.families.batches import BatchOrder, Prefetcher
from pycaffe_geo.geometry.camera import flip_intrinsics
from pycaffe_geo.layer import Layer, register

log = logging.getLogger(__name__)
NAMES = ("src", "tgt", "depth", "intrinsics", "pose")


@dataclass(frozen=True)
class WorldParam:
    """The procedural world behind a `source` such as rooms_train: the fields of datasets/rooms.py, with its defaults."""

    split: str | None = None
    clusters: int | None = None
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


@dataclass(frozen=True)
class RGBDPairDataParam:
    """`source`: a pair file or a procedural world. `mirror`, `mirror_vertical`: flip half of the samples, exactly.

    `on_error: skip` leaves out corrupt records, from all tops alike, and says how many; `stop` names the record.
    """

    source: str = ""
    batch_size: int = 1
    shuffle: bool = False
    mirror: bool = False
    mirror_vertical: bool = False
    prefetch: bool = True
    on_error: Literal["stop", "skip"] = "stop"
    world: WorldParam = WorldParam()

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")


@register
class RGBDPairData(Layer):
    """Pairs of views with depth and motion; one record feeds all tops, so they cannot get out of step.

    Tops, in this order (any number of them): src (N,3,H,W) and tgt (N,3,H,W) BGR 0..255; depth (N,1,H,W) of tgt, metres,
    0 = none; intrinsics (N,4,1,1) fx, fy, cx, cy; pose (N,1,4,4) = T_src_tgt, which maps points of tgt's camera into src's.
    A horizontal flip mirrors the images and depth, sets cx' = W - 1 - cx and pose' = S pose S with S = diag(-1, 1, 1, 1); a
    vertical one does the same to y. What batch p holds depends on (seed, layer name, p) alone. Files and records that are
    wrong raise DataError.
    """

    bottoms = (0, 0)
    tops = (1, 5)
    parameters = {"rgbd_pair_data_param": RGBDPairDataParam}
    is_data = True

    def setup(self, bottom, top):
        p = self.rgbd_pair_data_param
        self.world = {k: v for k, v in vars(p.world).items() if v is not None}
        self.position = 0
        self.file = None
        try:
            self.size = world_size(p.source, **self.world)  # a world is rendered on first use: many tools need the sizes alone
        except DataError as e:
            raise DataError(f"{self.where}: {e}") from e
        if self.size is None:
            self._open()
            self.size = self.file.height, self.file.width

    def _open(self):
        p = self.rgbd_pair_data_param
        base = os.path.dirname(self.definition.place.file) if self.definition.place else "."
        try:
            self.file = PairFile(pair_path(p.source, base or ".", progress=True, **self.world))
            self.good = self._good_records()
        except DataError as e:
            raise DataError(f"{self.where}: {e}") from e
        self.order = BatchOrder(len(self.good), p.batch_size, p.shuffle, (self.clock.seed, self.name))
        self.next_batch = Prefetcher(self._fetch).get if p.prefetch else self._fetch

    def _good_records(self):
        """Return the record numbers to use; with `on_error: skip` every record is read once to find the corrupt ones."""
        count = len(self.file)
        if self.rgbd_pair_data_param.on_error == "skip":
            problems = {i: text for i in range(count) if (text := self.file.problem(i))}
            if problems:
                first = next(iter(problems.items()))
                log.warning("%s: skips %d of %d pairs of %s: %d %s", self.where, len(problems), count, self.file.path, *first)
            good = np.array([i for i in range(count) if i not in problems], dtype=int)
        else:
            good = np.arange(count)
        if not len(good):
            raise DataError(f"{self.file.path}: has no usable pair")
        return good

    def reshape(self, bottom, top):
        n, (h, w) = self.rgbd_pair_data_param.batch_size, self.size
        shapes = [(n, 3, h, w), (n, 3, h, w), (n, 1, h, w), (n, 4, 1, 1), (n, 1, 4, 4)]
        for blob, shape in zip(top, shapes):
            blob.reshape(*shape)

    def forward(self, bottom, top):
        if self.file is None:
            self._open()
        batch = self.next_batch(self.position)
        self.position += 1
        for blob, name in zip(top, NAMES):
            blob.data[...] = self.device.asarray(batch[name], dtype=self.dtype)

    def _fetch(self, position):
        p = self.rgbd_pair_data_param
        batch = self.file.batch(self.good[self.order.records(position)])
        coins = CPU.generator(self.clock.seed, self.name, "flip", position).random((2, p.batch_size)) < 0.5
        for flip, axis, wanted in ((coins[0], 0, p.mirror), (coins[1], 1, p.mirror_vertical)):
            if wanted:
                _flip(batch, flip, axis)
        return batch


def _flip(batch, which, axis):
    """Mirror the samples `which` (N,) of a batch along image axis 0 = x or 1 = y, in place."""
    backwards = (..., slice(None, None, -1)) if axis == 0 else (..., slice(None, None, -1), slice(None))
    for name in ("src", "tgt", "depth"):
        batch[name][which] = batch[name][which][backwards]
    size = {("width", "height")[axis]: batch["src"].shape[3 - axis]}
    batch["intrinsics"][which] = flip_intrinsics(batch["intrinsics"][which], **size)
    batch["pose"][which, :, axis] *= -1
    batch["pose"][which, :, :, axis] *= -1
