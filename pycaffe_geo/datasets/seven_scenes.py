"""A scene of the 7-Scenes data (Shotton et al. 2013): RGB-D sequences with poses."""

import re
from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.folder import read_table
from pycaffe_geo.datasets.frames import Recording, check_rotation, picture_reader, read_intrinsics
from pycaffe_geo.datasets.kitti import runs_of
from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.errors import DataError, listed, nearest

INTRINSICS = (585.0, 585.0, 320.0, 240.0)
_DEPTH_SCALE = 1000
_NO_DEPTH = np.float32(65535) / np.float32(_DEPTH_SCALE)
_COLOR = ".color.png"
_SPLITS = {"train": "TrainSplit.txt", "test": "TestSplit.txt"}


def split_sequences(folder, split):
    """Return the sequences, ("seq-01", ...), of the scene's `split`, train or test: of TrainSplit.txt or TestSplit.txt."""
    path = Path(folder).resolve() / _SPLITS[split]
    lines = " ".join(read_lines(path)).split()
    numbers = [re.fullmatch(r"(?:sequence|seq-)(\d+)", line) for line in lines]
    if not lines or None in numbers:
        raise DataError(f"{path}: holds {listed(lines)}, expected lines such as sequence1")
    return tuple(f"seq-{int(number[1]):02}" for number in numbers)


def read_seven_scenes(folder, sequences=None, intrinsics=None):
    """Read seq-NN/frame-NNNNNN.color.png, .depth.png and .pose.txt of a scene into a Recording.

    sequences: such as ("seq-01", "seq-03"); None: all there are. Depth is in millimetres, 65535 = none; poses are camera to
    world. intrinsics: of the stored pictures; None: the 585, 585, 320, 240 that the data is published with. The data's depth
    and colour cameras are not calibrated to each other. Frames are called seq-01/000012. DataError has path and reason.
    """
    folder = Path(folder).resolve()
    known = sorted(path.name for path in folder.glob("seq-*") if path.is_dir())
    if not known:
        raise DataError(f"{folder}: holds no sequence, expected folders such as seq-01 (are they packed still?)")
    places = []
    for name in known if sequences is None else sequences:
        if name not in known:
            raise DataError(f"{folder}: no sequence '{name}'{nearest(name, known)} (there are {listed(known)})")
        places += [(name, number) for number in _numbers(folder / name)]
    color = [folder / name / f"frame-{number:06}{_COLOR}" for name, number in places]
    depth, pose = ([path.with_name(path.name.replace(_COLOR, ending)) for path in color]
                   for ending in (".depth.png", ".pose.txt"))
    intrinsics = read_intrinsics(INTRINSICS if intrinsics is None else intrinsics, "--intrinsics")
    return Recording(f"7-Scenes {folder.name}", tuple(f"{name}/{number:06}" for name, number in places), _reader(color, depth),
                     intrinsics, np.stack([_pose(path) for path in pose]), sequence=runs_of(places))


def _numbers(folder):
    numbers = [re.fullmatch(r"frame-(\d{6})", path.name.removesuffix(_COLOR)) for path in folder.glob(f"[!.]*{_COLOR}")]
    if not numbers or None in numbers:
        raise DataError(f"{folder}: expected pictures such as frame-000000{_COLOR}, found "
                        f"{listed((path.name for path in sorted(folder.iterdir())), 3)}")
    return sorted(int(number[1]) for number in numbers)


def _pose(path):
    matrix = read_table(path, 4)
    if matrix.shape != (4, 4):
        raise DataError(f"{path}: has {len(matrix)} rows of numbers, expected a 4x4 matrix")
    check_rotation(matrix, path)
    return matrix


def _reader(color, depth):
    pictures = picture_reader(color, depth, _DEPTH_SCALE)

    def read(i):
        found = pictures(i)
        return found | {"depth": np.where(found["depth"] == _NO_DEPTH, np.float32(0), found["depth"])}

    return read
