"""RGBDPairData layer."""

import logging
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.errors import DataError
from pycaffe_geo.families.augmentation import flip_pose
from pycaffe_geo.families.frame_file import CameraParam, FrameFileData
from pycaffe_geo.geometry.camera import flip_intrinsics
from pycaffe_geo.layer import register

log = logging.getLogger(__name__)
NAMES = ("src", "tgt", "depth", "intrinsics", "pose")


@dataclass(frozen=True)
class WorldParam(CameraParam):
    """The procedural world behind a `source` such as rooms_train: `clusters`, groups of 4 views, and its camera."""

    clusters: int | None = None


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
class RGBDPairData(FrameFileData):
    """Pairs of views with depth and motion; one record feeds all tops, so they cannot get out of step.

    Tops, in this order (any number of them): src (N,3,H,W) and tgt (N,3,H,W) BGR 0..255; depth (N,1,H,W) of tgt, metres,
    0 = none; intrinsics (N,4,1,1) fx, fy, cx, cy; pose (N,1,4,4) = T_src_tgt, which maps points of tgt's camera into src's.
    A horizontal flip mirrors the images and depth, sets cx' = W - 1 - cx and pose' = S pose S with S = diag(-1, 1, 1, 1); a
    vertical one does the same to y. What batch p holds depends on (seed, layer name, p) alone. Files and records that are
    wrong raise DataError.
    """

    tops = (1, 5)
    parameters = {"rgbd_pair_data_param": RGBDPairDataParam}

    def setup(self, bottom, top):
        self.begin(self.rgbd_pair_data_param)

    def usable(self):
        """Return the numbers of the pairs to use; with `on_error: skip` every record is read once to find the corrupt ones."""
        self.file.require("pairs", "depth", "pose_c2w")
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

    def fetch(self, records, position):
        p = self.rgbd_pair_data_param
        batch = self.file.batch(records)
        coins = CPU.generator(self.clock.seed, self.name, "flip", position).random((2, p.batch_size)) < 0.5
        for flip, axis, wanted in ((coins[0], 0, p.mirror), (coins[1], 1, p.mirror_vertical)):
            if wanted:
                _flip(batch, flip, axis)
        return [batch[name] for name in NAMES]


def _flip(batch, which, axis):
    """Mirror the samples `which` (N,) of a batch along image axis 0 = x or 1 = y, in place."""
    backwards = (..., slice(None, None, -1)) if axis == 0 else (..., slice(None, None, -1), slice(None))
    for name in ("src", "tgt", "depth"):
        batch[name][which] = batch[name][which][backwards]
    size = {("width", "height")[axis]: batch["src"].shape[3 - axis]}
    batch["intrinsics"][which] = flip_intrinsics(batch["intrinsics"][which], **size)
    flip_pose(batch["pose"], which, axis)
