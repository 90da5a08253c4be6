"""RGB-D frames from a folder: color/, depth/ (16 bit), poses_c2w.txt and K.txt."""

from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, check_rotation, picture_reader, read_intrinsics
from pycaffe_geo.datasets.images import check_partners, list_pictures
from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.errors import DataError


def read_folder(folder, intrinsics=None, depth_scale=1000):
    """Read a folder of RGB-D frames into a Recording.

    Pictures of color/ and depth/ go together by their order of names; depth in metres is value / depth_scale.
    poses_c2w.txt holds one row-major 4x4 camera-to-world matrix (16 numbers, metres) per frame. intrinsics: fx, fy, cx, cy
    in pixels of the stored pictures; None reads them from K.txt (3x3, or these 4). Raises DataError with the resolved path and
    the reason.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    for part in ("color", "depth"):
        if not (folder / part).is_dir():
            raise DataError(f"{folder / part}: no such folder; expected color/ and depth/ beside poses_c2w.txt")
    color, depth = list_pictures(folder / "color"), list_pictures(folder / "depth")
    poses_path = folder / "poses_c2w.txt"
    rows = read_table(poses_path, 16)
    if not len(color) == len(depth) == len(rows):
        raise DataError(f"{folder}: {len(color)} colour pictures, {len(depth)} depth pictures and {len(rows)} rows of "
                        f"{poses_path.name}; expected one of each per frame")
    check_partners(color, depth)
    poses = rows.reshape(-1, 4, 4)
    for i, pose in enumerate(poses):
        check_rotation(pose, f"{poses_path}: row {i + 1}")
    if intrinsics is None:
        intrinsics = read_intrinsics(read_table(folder / "K.txt"), folder / "K.txt")
    else:
        intrinsics = read_intrinsics(intrinsics, "--intrinsics")
    names = tuple(path.stem for path in color)
    return Recording(folder.name, names, picture_reader(color, depth, depth_scale), intrinsics, poses)


def read_table(path, columns=None):
    """Return the numbers of a text file (spaces or commas, '#' comments) as float64 (rows, columns)."""
    rows = []
    for number, line in enumerate(read_lines(path), 1):
        words = line.split("#")[0].replace(",", " ").split()
        try:
            values = [float(word) for word in words]
        except ValueError as e:
            raise DataError(f"{path}:{number}: {e}; expected numbers") from e
        if columns and values and len(values) != columns:
            raise DataError(f"{path}:{number}: {len(values)} numbers, expected {columns}")
        if values:
            rows.append(values)
    if not rows:
        raise DataError(f"{path}: holds no numbers")
    if len({len(row) for row in rows}) != 1:
        raise DataError(f"{path}: its rows differ in length")
    return np.array(rows)
