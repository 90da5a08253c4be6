"""Frames of one camera: how a reader describes them (Recording), and what is in memory once they are read (Frames)."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pycaffe_geo.datasets.images import read_color, read_depth, resize_color, resize_depth
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry.camera import scale_intrinsics


@dataclass(frozen=True)
class Recording:
    """F frames as a reader found them, in the order of time; their pictures are read later, and only those that are used.

    source: where they come from; names: one text per frame. read(i) returns the pictures of frame i as they are stored: a dict
    of color (H, W, 3) uint8 RGB and, all frames alike, depth (H, W) float32 metres, 0 = none, and right (H, W, 3) of a
    rectified right camera. intrinsics: fx, fy, cx, cy in pixels of the stored pictures, (4,) of one camera, whose pictures have
    one size, or (F, 4). pose_c2w: (F, 4, 4) camera to world, metres, or None; baseline: metres to the right camera, one number
    or (F,), or None; sequence: (F,), neighbours with one number follow each other in time; None: all do.
    """

    source: str
    names: tuple
    read: Callable
    intrinsics: np.ndarray
    pose_c2w: np.ndarray = None
    baseline: float = None
    sequence: np.ndarray = None

    def __len__(self):
        return len(self.names)

    def choose(self, step=1, breaks=(), skip=()):
        """Return the numbers (n,) of every step-th frame, and the number (n,) of the continuous run that each is in.

        breaks: frames at which a new run begins; skip: (first, last) ranges of frames to leave out, where a run ends too.
        All are positions 0 .. F - 1.
        """
        begins = np.zeros(len(self), bool)
        begins[list(breaks)] = True
        if self.sequence is not None:
            begins[1:] |= np.diff(self.sequence) != 0
        keep = np.zeros(len(self), bool)
        keep[::step] = True
        for first, last in skip:
            keep[first:last + 1] = False
            begins[last + 1:last + 2] = True
        return np.flatnonzero(keep), begins.cumsum()[keep]


def picture_reader(color, depth=None, depth_scale=None, right=None):
    """Return the `read` of a Recording whose pictures are files: `color`, `depth` (16 bit, values / depth_scale are metres) and
    `right` are lists of paths, those after the first None where there are none. A picture of another size than its colour
    picture raises DataError when it is read."""

    def read(i):
        pictures = {"color": read_color(color[i])}
        if depth is not None:
            pictures["depth"] = read_depth(depth[i], depth_scale)
            _check_registered(depth[i], pictures["depth"], color[i], pictures["color"], "depth registered to colour")
        if right is not None:
            pictures["right"] = read_color(right[i])
            _check_registered(right[i], pictures["right"], color[i], pictures["color"], "a rectified pair")
        return pictures

    return read


def _check_registered(path, picture, color_path, color, expected):
    if picture.shape[:2] != color.shape[:2]:
        kind = "depth" if picture.ndim == 2 else "the right picture"
        raise DataError(f"{path}: {kind} is {_size(picture)}, its colour picture {color_path.name} is {_size(color)}; "
                        f"expected {expected}, pixel by pixel")


def _size(image):
    return f"{image.shape[1]}x{image.shape[0]}"


@dataclass(frozen=True)
class Frames:
    """F frames at one size, in memory: the arrays of a pair file (see pairs.py), and one text per frame in `names`.

    color (F, H, W, 3) uint8 RGB; intrinsics (F, 4), pixels of that size; sequence (F,); or None: depth (F, H, W) float32 metres,
    pose_c2w (F, 4, 4), right (F, H, W, 3), baseline (F,). source: where they come from.
    """

    names: tuple
    color: np.ndarray
    intrinsics: np.ndarray
    sequence: np.ndarray
    depth: np.ndarray = None
    pose_c2w: np.ndarray = None
    right: np.ndarray = None
    baseline: np.ndarray = None
    source: str = ""

    def __len__(self):
        return len(self.names)

    def part(self, first, last):
        """Return the frames first .. last - 1 alone."""
        fields = {name: value for name, value in vars(self).items() if name != "source" and value is not None}
        return dataclasses.replace(self, **{name: value[first:last] for name, value in fields.items()})

    def as_file(self, gaps=(1,)):
        """Return the arguments of `write_pairs`; with depth and poses, frames `gap` apart are `pairs`."""
        data = {name: value for name, value in vars(self).items() if name != "names" and value is not None}
        if self.depth is not None and self.pose_c2w is not None:
            data["pairs"] = gap_pairs(self.sequence, gaps)
        return data


def load_frames(recording, size=None, step=1, breaks=(), skip=(), progress=False):
    """Read the frames of a Recording that `step`, `breaks` and `skip` choose (see `Recording.choose`) into Frames.

    size: (width, height) to resize to; None keeps the pictures' own. progress: show a bar. Raises DataError with the path of a
    picture that cannot be read or has another size than the first.
    """
    from tqdm import tqdm

    numbers, sequence = recording.choose(step, breaks, skip)
    if not len(numbers):
        raise DataError(f"{recording.source}: no frame is left of {len(recording)}")
    one_camera = np.ndim(recording.intrinsics) == 1
    intrinsics = np.broadcast_to(recording.intrinsics, (len(recording), 4)).astype(float)[numbers]
    arrays, stored = {}, None
    for k, number in enumerate(tqdm(numbers, f"reading {recording.source}", unit="frame", leave=False,
                                    disable=None if progress else True)):
        read = recording.read(number)
        height, width = read["color"].shape[:2]
        stored = stored or (width, height)
        if (width, height) != stored and (one_camera or not size):
            raise DataError(f"{recording.source}: frame '{recording.names[number]}' is {width}x{height}, the first one is "
                            f"{stored[0]}x{stored[1]}; expected one {'camera and size' if one_camera else 'size, or --size'}")
        new = size or stored
        intrinsics[k] = scale_intrinsics(intrinsics[k:k + 1], new[0] / width, new[1] / height)[0]
        for name, picture in read.items():
            picture = (resize_depth if name == "depth" else resize_color)(picture, new[1], new[0])
            if name not in arrays:
                arrays[name] = np.empty((len(numbers), *picture.shape), picture.dtype)
            arrays[name][k] = picture
    if recording.pose_c2w is not None:
        arrays["pose_c2w"] = recording.pose_c2w[numbers]
    if recording.baseline is not None:
        arrays["baseline"] = np.broadcast_to(recording.baseline, len(recording)).astype(float)[numbers]
    names = tuple(recording.names[number] for number in numbers)
    return Frames(names, intrinsics=intrinsics, sequence=sequence, source=recording.source, **arrays)


def check_rotation(pose, place):
    """Raise DataError unless `pose` (4, 4) is finite, has a rotation (to 1e-3) and the last row 0 0 0 1."""
    if not np.isfinite(pose).all():
        raise DataError(f"{place}: the pose has a number that is not finite")
    turn = pose[:3, :3]
    error = np.abs(turn @ turn.T - np.eye(3)).max()
    if error > 1e-3 or np.linalg.det(turn) < 0 or not np.array_equal(pose[3], [0, 0, 0, 1]):
        raise DataError(f"{place}: not a rigid pose: R R^T differs from 1 by {error:.3g}, det R = "
                        f"{np.linalg.det(turn):.3g}, last row {pose[3].tolist()}; expected a row-major 4x4 matrix [R t; 0 1]")


def read_intrinsics(values, place):
    """Return fx, fy, cx, cy as float64 (4,) from 4 numbers, or from the 9 of a 3x3 matrix K; `place` is for the message."""
    values = np.array(values, float).ravel()
    if values.size == 9:
        values = values[[0, 4, 2, 5]]
    if values.size != 4 or not np.isfinite(values).all() or 0 in values[:2]:
        raise DataError(f"{place}: intrinsics are {values.tolist()}, expected fx fy cx cy (pixels, fx and fy not 0) "
                        "or a 3x3 matrix")
    return values


def gap_pairs(sequence, gaps=(1,)):
    """Return the pairs (P, 2) int32 of frames `gap` apart, both directions: (a, b) and (b, a).

    sequence: (F,), equal for frames of one continuous run; no pair spans two.
    """
    one_way = [(a, a + gap) for gap in gaps for a in range(len(sequence) - gap)
               if (sequence[a:a + gap + 1] == sequence[a]).all()]
    return np.array(one_way + [(b, a) for a, b in one_way], np.int32).reshape(-1, 2)
