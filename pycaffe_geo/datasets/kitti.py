"""What the readers of KITTI data share: calibration files, numbered pictures and the runs they make."""

from dataclasses import dataclass

import numpy as np

from pycaffe_geo.datasets.frames import read_intrinsics
from pycaffe_geo.datasets.images import list_pictures
from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.errors import DataError, listed, nearest


@dataclass(frozen=True)
class Camera:
    """A rectified camera: intrinsics fx, fy, cx, cy (4,) in pixels; shift (3,), metres, that takes points of camera 0 into it."""

    intrinsics: np.ndarray
    shift: np.ndarray


def read_calibration(path):
    """Return {key: numbers (n,)} of a file of lines `key: numbers`; lines of other words, such as dates, are left out."""
    found = {}
    for line in read_lines(path):
        key, _, words = line.partition(":")
        try:
            found[key.strip()] = np.array([float(word) for word in words.split()])
        except ValueError:
            continue
    return found


def calibrated(calibration, key, shape, path):
    """Return the entry `key` of `read_calibration` as an array of `shape`; DataError where it is missing or of another size."""
    if key not in calibration:
        raise DataError(f"{path}: has no line '{key}:' of numbers{nearest(key, calibration)} (it has {listed(calibration)})")
    values = calibration[key]
    if values.size != np.prod(shape) or not np.isfinite(values).all():
        raise DataError(f"{path}: '{key}' is {values.tolist()}, expected {np.prod(shape)} finite numbers")
    return values.reshape(shape)


def camera_of(calibration, key, path):
    """Return the Camera of a projection matrix K [1 | shift], 12 numbers row by row."""
    matrix = calibrated(calibration, key, (3, 4), path)
    K = matrix[:, :3]
    intrinsics = read_intrinsics(K, f"{path}: '{key}'")
    if K[0, 1] or K[1, 0] or K[2].tolist() != [0, 0, 1]:
        raise DataError(f"{path}: '{key}' begins with {K.tolist()}, expected the matrix [fx 0 cx; 0 fy cy; 0 0 1] of a rectified "
                        "camera")
    return Camera(intrinsics, np.linalg.solve(K, matrix[:, 3]))


def baseline_of(left, right, path):
    """Return the metres from Camera `left` to Camera `right`, along x; DataError where they are no rectified pair."""
    if not np.allclose(left.intrinsics, right.intrinsics, rtol=1e-6):
        raise DataError(f"{path}: the left camera has fx, fy, cx, cy {left.intrinsics.tolist()}, the right one "
                        f"{right.intrinsics.tolist()}; expected the same for a rectified pair")
    baseline = left.shift[0] - right.shift[0]
    if not baseline > 0:
        raise DataError(f"{path}: the right camera lies {baseline:.4g} m right of the left one, expected more than 0; are they "
                        "swapped?")
    return baseline


def numbered_pictures(folder):
    """Return {number: path} of a folder of pictures whose names are numbers, in rising order."""
    found = {}
    for path in list_pictures(folder):
        if not path.stem.isdecimal():
            raise DataError(f"{path}: the name is no number, expected names such as 000012.png")
        found[int(path.stem)] = path
    return dict(sorted(found.items()))


def partner_pictures(color, folder, hint):
    """Return the pictures of `folder` for the numbers of `color` {number: path}, a list; DataError, with `hint`, lacking one."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; {hint}")
    others = numbered_pictures(folder)
    for number, path in color.items():
        if number not in others:
            raise DataError(f"{folder}: has no picture {number} for {path}; {hint}")
    return [others[number] for number in color]


def runs_of(places):
    """Return the run (F,) of each of (drive, number) pairs: a new one begins where the number does not rise by one."""
    begins = [i > 0 and (place[0] != places[i - 1][0] or place[1] != places[i - 1][1] + 1) for i, place in enumerate(places)]
    return np.cumsum(begins)
