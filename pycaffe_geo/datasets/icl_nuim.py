"""The ICL-NUIM data (Handa et al. 2014), in its form that is compatible with TUM RGB-D."""

from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, picture_reader, read_intrinsics
from pycaffe_geo.datasets.kitti import runs_of
from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.datasets.trajectory import read_tum_trajectory
from pycaffe_geo.errors import DataError, listed

INTRINSICS = (481.2, -480.0, 319.5, 239.5)  # fy is negative: the camera's y axis points up
_DEPTH_SCALE = 5000


def read_icl_nuim(folder, trajectory=None, intrinsics=None):
    """Read associations.txt, the pictures that it names and a trajectory into a Recording.

    A line of associations.txt is `index depth/index.png index rgb/index.png`; one of the trajectory (`index tx ty tz qx qy qz
    qw`, camera to world) has the pose of the frame with that index. trajectory: the file; None: the folder's only
    *.gt.freiburg. Frames without a pose are dropped; where an index is missing, a continuous run ends. intrinsics: of the stored
    pictures; None: those published, with their negative fy. Raises DataError with the path and the reason.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    path = _trajectory(folder) if trajectory is None else Path(trajectory)
    times, poses = read_tum_trajectory(path)
    pose_of = dict(zip(times.tolist(), poses))
    rows = [row for row in _associations(folder / "associations.txt") if row[0] in pose_of]
    if not rows:
        raise DataError(f"{folder}: no frame of associations.txt has a pose in {path}; expected the same indices in both")
    indices, depth, color = zip(*rows)
    read = picture_reader([folder / name for name in color], [folder / name for name in depth], _DEPTH_SCALE)
    intrinsics = read_intrinsics(INTRINSICS if intrinsics is None else intrinsics, "--intrinsics")
    return Recording(folder.name, tuple(map(str, indices)), read, intrinsics, np.stack([pose_of[i] for i in indices]),
                     sequence=runs_of([("", i) for i in indices]))


def _trajectory(folder):
    found = sorted(folder.glob("*.gt.freiburg"))
    if len(found) != 1:
        raise DataError(f"{folder}: holds {listed(path.name for path in found)} as *.gt.freiburg, expected one; say which: "
                        "--trajectory FILE")
    return found[0]


def _associations(path):
    """Return rows (index, depth picture, colour picture), in rising order."""
    rows = []
    for number, line in enumerate(read_lines(path), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        if len(words) != 4 or not words[0].isdecimal() or words[0] != words[2] or not words[1].startswith("depth/"):
            raise DataError(f"{path}:{number}: '{line}', expected lines such as 12 depth/12.png 12 rgb/12.png")
        rows.append((int(words[0]), words[1], words[3]))
    if not rows:
        raise DataError(f"{path}: names no picture")
    return sorted(rows)
