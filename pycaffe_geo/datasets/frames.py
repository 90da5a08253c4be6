"""A sequence of RGB-D frames with poses, and the choice of pairs in it."""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.datasets.images import read_color, read_depth, resize_color, resize_depth
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry.camera import scale_intrinsics


@dataclass(frozen=True)
class Frames:
    """F frames of one camera at one size, in the order of time.

    color (F, H, W, 3) uint8 RGB; depth (F, H, W) float32 metres, 0 = none; pose_c2w (F, 4, 4) camera to world, metres;
    intrinsics (4,) fx, fy, cx, cy in pixels of that size; names: one text per frame; source: where they come from.
    """

    color: np.ndarray
    depth: np.ndarray
    pose_c2w: np.ndarray
    intrinsics: np.ndarray
    names: tuple
    source: str

    def __len__(self):
        return len(self.names)

    def as_pairs(self, pairs):
        """Return the arguments of `write_pairs` for `pairs` (P, 2) and those of these frames that are in them."""
        used, numbers = np.unique(pairs, return_inverse=True)
        return {"color": self.color[used], "depth": self.depth[used], "pose_c2w": self.pose_c2w[used],
                "pairs": numbers.reshape(-1, 2), "intrinsics": np.tile(self.intrinsics, (len(used), 1)), "source": self.source}


def load_frames(entries, intrinsics, depth_scale, size, source, progress=False):
    """Read `entries`, rows of (colour path, depth path, pose (4, 4)), into Frames resized to `size` (width, height).

    size None keeps the pictures' own. intrinsics are those of the pictures as stored. progress: show a bar. Raises DataError
    with the path.
    """
    from tqdm import tqdm

    color, depth, stored = [], [], None
    bar = tqdm(entries, desc=f"reading {source}", unit="frame", leave=False, disable=None if progress else True)
    for color_path, depth_path, _ in bar:
        rgb, metres = read_color(color_path), read_depth(depth_path, depth_scale)
        stored = stored or rgb.shape
        if rgb.shape[:2] != metres.shape:
            raise DataError(f"{depth_path}: depth is {_size(metres)}, its colour picture {color_path.name} is {_size(rgb)}; "
                            "expected depth registered to colour, pixel by pixel")
        if rgb.shape != stored:
            raise DataError(f"{color_path}: picture is {_size(rgb)}, the first one is {stored[1]}x{stored[0]}; expected one "
                            "camera and size")
        width, height = size or (stored[1], stored[0])
        color.append(resize_color(rgb, height, width))
        depth.append(resize_depth(metres, height, width))
    scaled = scale_intrinsics(intrinsics[None], width / stored[1], height / stored[0])[0]
    poses = np.stack([pose for _, _, pose in entries])
    return Frames(np.stack(color), np.stack(depth), poses, scaled, tuple(path.stem for path, _, _ in entries), source)


def _size(image):
    return f"{image.shape[1]}x{image.shape[0]}"


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


def gap_pairs(count, gaps=(1,), breaks=(), skip=()):
    """Return the pairs (P, 2) int32 of frames `gap` apart, both directions: (a, b) and (b, a).

    breaks: frames at which a new piece of the sequence begins (no pair spans one); skip: (first, last) ranges of frames
    in no pair. All are positions 0 .. count - 1.
    """
    usable = np.ones(count, bool)
    for first, last in skip:
        usable[first:last + 1] = False
    piece = np.isin(np.arange(count), list(breaks)).cumsum()
    one_way = [(a, a + gap) for gap in gaps for a in range(count - gap)
               if usable[a] and usable[a + gap] and piece[a] == piece[a + gap]]
    return np.array(one_way + [(b, a) for a, b in one_way], np.int32).reshape(-1, 2)


def hold_out(pairs, count, last):
    """Split pairs into (training, held-out): within all but the `last` frames, and within those; pairs across are dropped."""
    first_held = count - last
    return pairs[(pairs < first_held).all(axis=1)], pairs[(pairs >= first_held).all(axis=1)]
