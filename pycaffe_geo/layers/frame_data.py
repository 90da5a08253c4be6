"""FrameData layer."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.errors import DataError, SpecError
from pycaffe_geo.families.augmentation import jitter, mirror, zoom
from pycaffe_geo.families.frame_file import CameraParam, FrameFileData
from pycaffe_geo.geometry import se3
from pycaffe_geo.layer import register

_DATASETS = {"color": "color", "right": "right", "depth": "depth", "intrinsics": "intrinsics", "baseline": "baseline",
             "pose": "pose_c2w"}
_PER_FRAME = ("color", "right")


@dataclass(frozen=True)
class FrameWorldParam(CameraParam):
    """The procedural world behind `source: rooms_sequences_train`, `streets_train` or `_test`: `runs` of `length` frames with a
    constant motion of at most rotation_deg and translation_m per frame; `baseline`: metres to a right camera, rendered then."""

    runs: int | None = None
    length: int | None = None
    baseline: float | None = None


@dataclass(frozen=True)
class FrameDataParam:
    """`source`: a file of tools/prepare_data.py or a procedural world. `offsets`: the frames of a sample, in steps of time.

    `items`: what the tops are, in their order. `mirror` flips half of the samples left to right; `random_scale` 1.15 enlarges
    by 1 to 1.15, along x and y, and cuts the old size out at a random place (SfMLearner); `color_jitter` 0.2 changes brightness
    and gamma by factors exp(-0.2) to exp(0.2), for all pictures of a sample alike.
    """

    source: str = ""
    batch_size: int = 1
    shuffle: bool = False
    offsets: tuple[int, ...] = (0,)
    items: tuple[Literal["color", "right", "depth", "intrinsics", "baseline", "pose"], ...] = ("color",)
    mirror: bool = False
    random_scale: float = 1.0
    color_jitter: float = 0.0
    prefetch: bool = True
    world: FrameWorldParam = FrameWorldParam()

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")
        if 0 not in self.offsets or len(set(self.offsets)) < len(self.offsets):
            raise ValueError(f"offsets are {list(self.offsets)}, expected different numbers with 0, the frame of depth and pose")
        if not self.items or len(set(self.items)) < len(self.items):
            raise ValueError(f"items are {list(self.items)}, expected different ones, at least one")
        if "pose" in self.items and len(self.offsets) == 1:
            raise ValueError("items have 'pose', the motion to the frames at other offsets, but offsets has 0 alone")
        if self.mirror and {"right", "depth"} <= set(self.items):
            raise ValueError("mirror makes the right camera the left one, whose depth is not known: take it off, or 'right' "
                             "or 'depth' out of the items")
        if not 1 <= self.random_scale <= 4:
            raise ValueError(f"random_scale is {self.random_scale}, expected 1 (none) to 4")
        if not 0 <= self.color_jitter <= 1:
            raise ValueError(f"color_jitter is {self.color_jitter}, expected 0 (none) to 1")


@register
class FrameData(FrameFileData):
    """Frames alone, in snippets of time, or with the right camera's pictures: one file for all depth and ego-motion networks.

    A sample is the frames at `offsets` about a frame, all of one continuous sequence. Tops, in the order of `items`: color and
    right, BGR 0..255 (N,3,H,W), one for each offset in their order; depth (N,1,H,W) metres, 0 = none; intrinsics (N,4,1,1) fx,
    fy, cx, cy; baseline (N,1,1,1) metres, of the frame at offset 0; pose (N,1,4,4) = T_offset_0, one for each offset but 0,
    which maps points of frame 0's camera into that frame's. The right camera of a rectified pair has the left one's intrinsics.
    Augmentation changes all items together, see families/augmentation.py. What batch p holds depends on (seed, layer name, p)
    alone. Files that lack an item and records that are wrong raise DataError.
    """

    tops = (1, None)
    parameters = {"frame_data_param": FrameDataParam}

    def setup(self, bottom, top):
        p = self.frame_data_param
        names = self.top_names()
        if len(top) != len(names):
            raise SpecError(f"{self.where}: has {len(top)} tops, its items and offsets give {len(names)}: {', '.join(names)}")
        self.begin(p)
        if self.file is None and {"right", "baseline"} & set(p.items) and not p.world.baseline:
            raise DataError(f"{self.where}: '{p.source}' has a right camera where `world: {{baseline: 0.1}}` says how far away")

    def top_names(self):
        """Return what each top is: "color -1", "color 0", "depth", "pose -1" ..., the number being the offset."""
        p = self.frame_data_param
        of = {"color": p.offsets, "right": p.offsets, "pose": [o for o in p.offsets if o]}
        return [f"{item} {offset}" if offset != "" else item for item in p.items for offset in of.get(item, [""])]

    def usable(self):
        p, file = self.frame_data_param, self.file
        file.require(*(_DATASETS[item] for item in self._read()))
        runs = file.runs()
        frames = np.arange(file.frames)[:, None] + p.offsets
        inside = (frames >= 0) & (frames < file.frames)
        same = runs[np.clip(frames, 0, file.frames - 1)] == runs[:, None]
        centres = np.flatnonzero((inside & same).all(axis=1))
        if not len(centres):
            longest = np.bincount(runs).max() if len(runs) else 0
            raise DataError(f"{file.path}: no frame has neighbours at offsets {list(p.offsets)}: of {file.frames} frames at most "
                            f"{longest} follow each other{'' if 'sequence' in file.names else ' (it has no sequence numbers)'}")
        return centres

    def _read(self):
        """Return the items to read: those of the tops, and what mirroring needs of the right camera."""
        p = self.frame_data_param
        extra = ("color",) + ("baseline",) * ("pose" in p.items) if p.mirror and "right" in p.items else ()
        return tuple(dict.fromkeys(p.items + extra))

    def reshape(self, bottom, top):
        n, (h, w) = self.frame_data_param.batch_size, self.size
        shapes = {"color": (3, h, w), "right": (3, h, w), "depth": (1, h, w), "intrinsics": (4, 1, 1), "baseline": (1, 1, 1),
                  "pose": (1, 4, 4)}
        for blob, name in zip(top, self.top_names()):
            blob.reshape(n, *shapes[name.split()[0]])

    def fetch(self, centres, position):
        frames = centres[:, None] + self.frame_data_param.offsets
        self.file.check_frames(np.unique(frames))
        batch = {item: self._item(item, centres, frames) for item in self._read()}
        self._augment(batch, position)
        arrays = []
        for item in self.frame_data_param.items:
            several = item in _PER_FRAME or item == "pose"
            arrays += list(batch[item].swapaxes(0, 1)) if several else [batch[item]]
        return [array[:, None] if array.ndim == 3 else array for array in arrays]

    def _item(self, item, centres, frames):
        """Return an item of a batch, as families/augmentation.py has it."""
        if item in _PER_FRAME:
            return self.file.images(item, frames.ravel()).reshape(*frames.shape, 3, *self.size)
        if item == "pose":
            others = frames[:, np.array(self.frame_data_param.offsets) != 0]
            pose = self.file.gather("pose_c2w", np.hstack([centres[:, None], others]).ravel()).reshape(len(centres), -1, 4, 4)
            return se3.relative(pose[:, 1:], pose[:, :1])
        values = self.file.gather(item, centres)
        return values[:, None] if item == "depth" else values.reshape(len(centres), -1, 1, 1)

    def _augment(self, batch, position):
        p = self.frame_data_param

        def draws(what, count):
            return CPU.generator(self.clock.seed, self.name, what, position).random((p.batch_size, count))

        if p.mirror:
            mirror(batch, draws("mirror", 1)[:, 0] < 0.5, self.size[1])
        if p.random_scale > 1:
            chosen = draws("scale", 4)
            zoom(batch, 1 + (p.random_scale - 1) * chosen[:, :2], chosen[:, 2:], *self.size)
        if p.color_jitter:
            jitter(batch, *np.exp(p.color_jitter * (2 * draws("color", 2) - 1)).T)
