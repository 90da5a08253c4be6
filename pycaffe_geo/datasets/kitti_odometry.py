"""Sequences of the KITTI odometry benchmark (Geiger et al. 2012): stereo pictures in colour, poses of 00 to 10."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, picture_reader
from pycaffe_geo.datasets.kitti import (Camera, baseline_of, camera_of, numbered_pictures, partner_pictures, read_calibration,
                                        runs_of)
from pycaffe_geo.datasets.trajectory import read_kitti
from pycaffe_geo.errors import DataError, listed, nearest
from pycaffe_geo.geometry import se3


@dataclass(frozen=True)
class _Sequence:
    """One sequence: its left and right pictures in order, poses (F, 4, 4) of the left camera or None."""

    name: str
    color: dict
    right: list
    camera: Camera
    baseline: float
    poses: np.ndarray


def read_kitti_odometry(folder, sequences=None, left_only=False):
    """Read sequences/NN (image_2, image_3, calib.txt) and poses/NN.txt of a folder into a Recording.

    sequences: their names, such as ("09", "10"), in that order; None: all there are. left_only: without the right camera,
    image_3. Pictures are told by the number of their name, so some may be missing; there a continuous run ends. A pose file
    holds camera 0; poses are those of the left colour camera 2, moved by calib.txt. Sequences without one give no
    poses, then all must be without. Frames are called 09/000012. Raises DataError with the path and the reason.
    """
    folder = Path(folder).resolve()
    root = folder / "sequences"
    if not root.is_dir():
        raise DataError(f"{root}: no such folder; expected sequences/ and poses/, as KITTI's odometry data has")
    known = sorted(path.name for path in root.iterdir() if path.is_dir())
    for name in sequences or ():
        if name not in known:
            raise DataError(f"{root}: no sequence '{name}'{nearest(name, known)} (there are {listed(known)})")
    parts = [_sequence(folder, name, left_only) for name in sequences or known]
    if not parts:
        raise DataError(f"{root}: holds no sequence, expected folders such as 00")
    counts = [len(part.color) for part in parts]
    places = [(part.name, number) for part in parts for number in part.color]
    color = [path for part in parts for path in part.color.values()]
    right = None if left_only else [path for part in parts for path in part.right]
    return Recording(
        f"KITTI odometry {', '.join(part.name for part in parts)}", tuple(f"{name}/{number:06}" for name, number in places),
        picture_reader(color, right=right), np.repeat([part.camera.intrinsics for part in parts], counts, axis=0), _poses(parts),
        None if left_only else np.repeat([part.baseline for part in parts], counts), runs_of(places))


def _sequence(folder, name, left_only):
    place = folder / "sequences" / name
    calibration = read_calibration(place / "calib.txt")
    left = camera_of(calibration, "P2", place / "calib.txt")
    color = numbered_pictures(place / "image_2")
    right, baseline = None, None
    if not left_only:
        right = partner_pictures(color, place / "image_3", "expected the right picture of each (or --left-only)")
        baseline = baseline_of(left, camera_of(calibration, "P3", place / "calib.txt"), place / "calib.txt")
    return _Sequence(name, color, right, left, baseline, _left_poses(folder / "poses" / f"{name}.txt", color, left))


def _left_poses(path, color, camera):
    """Return the camera-to-world poses of `camera` at the frames {number: path}, or None where there is no file."""
    if not path.is_file():
        return None
    poses = read_kitti(path)
    if max(color) >= len(poses):
        raise DataError(f"{path}: holds {len(poses)} poses, there is a picture {max(color)}; expected one for each, from 0 on")
    camera_0_in_camera = np.eye(4)
    camera_0_in_camera[:3, 3] = camera.shift
    return poses[list(color)] @ se3.inverse(camera_0_in_camera)


def _poses(parts):
    without = [part.name for part in parts if part.poses is None]
    if len(without) == len(parts):
        return None
    if without:
        raise DataError(f"sequences {listed(without)} have no poses/NN.txt, the others have; expected poses for all or for none: "
                        "read them apart (--sequences)")
    return np.concatenate([part.poses for part in parts])
