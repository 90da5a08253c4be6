"""The frames of a video, a folder of pictures, without any ground truth."""

import math
from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, picture_reader, read_intrinsics
from pycaffe_geo.datasets.images import list_pictures, read_color
from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.errors import DataError, nearest


def read_video(folder, intrinsics=None, fov=None, order=None, still=0, progress=False):
    """Read a folder of pictures of one moving camera into a Recording without depth and poses.

    intrinsics: fx, fy, cx, cy in pixels of the stored pictures, or else fov: how wide the pictures are, in degrees (square
    pixels, the axis in the middle). order: a text file with the name of one picture in each line, with or without ending;
    None: by name, numbers by their value. still: a picture that differs from the last one kept by less than this, the mean
    over all values 0..255, is left out: where the camera stands there is nothing to learn from. Raises DataError with the path.
    """
    folder = Path(folder).resolve()
    pictures = list_pictures(folder) if order is None else _ordered(list_pictures(folder), Path(order).resolve())
    if intrinsics is None and fov is None:
        raise DataError(f"{folder}: the camera is not known, expected --intrinsics fx,fy,cx,cy, or as a guess --fov, how many "
                        "degrees wide it sees (telephones about 65)")
    if intrinsics is None:
        intrinsics = seen_at(fov, *read_color(pictures[0]).shape[:2])
    else:
        intrinsics = read_intrinsics(intrinsics, "--intrinsics")
    if still:
        pictures = _moving(pictures, still, progress)
    return Recording(folder.name, tuple(path.stem for path in pictures), picture_reader(pictures), intrinsics)


def _ordered(pictures, order):
    """Return those of `pictures` that the text file `order` names, in its order."""
    known = {path.stem: path for path in pictures} | {path.name: path for path in pictures}
    found = []
    for number, line in enumerate(read_lines(order), 1):
        name = line.strip()
        if name and name not in known:
            raise DataError(f"{order}:{number}: no picture '{name}' in {pictures[0].parent}{nearest(name, known)}")
        if name:
            found.append(known[name])
    if not found:
        raise DataError(f"{order}: names no picture")
    return found


def seen_at(fov, height, width):
    """Return fx, fy, cx, cy (4,) of a camera that sees `fov` degrees across `width` pixels."""
    if not 1 <= fov < 179:
        raise DataError(f"--fov is {fov:g} degrees, expected 1 to 179")
    focal = width / 2 / math.tan(math.radians(fov) / 2)
    return np.array([focal, focal, (width - 1) / 2, (height - 1) / 2])


def _moving(pictures, still, progress):
    """Return `pictures` without those that differ by less than `still` from the last one returned."""
    from tqdm import tqdm

    kept, last = [], None
    for path in tqdm(pictures, "looking for motion", unit="frame", leave=False, disable=None if progress else True):
        picture = read_color(path).astype(np.int16)
        if last is None or picture.shape != last.shape or np.abs(picture - last).mean() >= still:
            kept.append(path)
            last = picture
    return kept
