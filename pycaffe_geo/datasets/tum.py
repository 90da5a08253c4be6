"""RGB-D frames of a sequence in the layout of the TUM RGB-D benchmark (Sturm et al. 2012)."""

from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, picture_reader, read_intrinsics
from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.datasets.trajectory import nearest_in_time, read_tum_trajectory
from pycaffe_geo.errors import DataError, listed, nearest

CAMERAS = {"fr1": (517.3, 516.5, 318.6, 255.3), "fr2": (520.9, 521.0, 325.1, 249.7), "fr3": (535.4, 539.2, 320.1, 247.6),
           "ros": (525.0, 525.0, 319.5, 239.5)}
_DEPTH_SCALE = 5000
_LONG_STEP = 5  # times the usual time between frames: there the sequence is taken to be interrupted


def read_tum(folder, camera=None, intrinsics=None, max_difference=0.02):
    """Read a sequence folder (rgb.txt, depth.txt, groundtruth.txt) into a Recording.

    camera: a name of CAMERAS (640x480; None takes it from the folder's name, as in rgbd_dataset_freiburg2_desk), or give
    `intrinsics` fx, fy, cx, cy. Each colour picture takes the nearest depth picture and ground truth in time, each at most
    max_difference seconds away and used once; others are dropped. A gap of more than 5 usual steps of
    time ends a continuous sequence. Lens distortion is not undone. Raises DataError with the
    resolved path and the reason.
    """
    folder = Path(folder).resolve()
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder")
    if intrinsics is None:
        intrinsics = np.array(_camera(folder, camera))
    else:
        intrinsics = read_intrinsics(intrinsics, "--intrinsics")
    (color_times, color), (depth_times, depth) = (_pictures(folder, name) for name in ("rgb.txt", "depth.txt"))
    pose_times, poses = read_tum_trajectory(folder / "groundtruth.txt")
    depth_of = nearest_in_time(color_times, depth_times, max_difference)
    pose_of = nearest_in_time(color_times, pose_times, max_difference)
    used = [i for i in range(len(color)) if depth_of[i] >= 0 and pose_of[i] >= 0]
    if not used:
        raise DataError(f"{folder}: of {len(color)} colour pictures none has a depth picture and a ground truth within "
                        f"{max_difference} s; do the three lists use one clock?")
    color = [color[i] for i in used]
    read = picture_reader(color, [depth[depth_of[i]] for i in used], _DEPTH_SCALE)
    steps = np.diff(color_times[used])
    sequence = np.append(0, np.cumsum(steps > _LONG_STEP * np.median(steps))) if len(used) > 1 else None
    names = tuple(path.stem for path in color)
    return Recording(folder.name, names, read, intrinsics, poses[pose_of[used]], sequence=sequence)


def _camera(folder, camera):
    name = camera or next((f"fr{i}" for i in (1, 2, 3) if f"freiburg{i}" in folder.name.lower()), None)
    if name is None:
        raise DataError(f"{folder}: the folder's name tells no camera; say which: {listed(CAMERAS)}, or give "
                        "--intrinsics fx,fy,cx,cy")
    if name not in CAMERAS:
        raise DataError(f"camera '{name}' is not known{nearest(name, CAMERAS)} (known: {listed(CAMERAS)})")
    return CAMERAS[name]


def _pictures(folder, name):
    """Return the times (n,), in seconds, and the paths of the pictures that a list file names, in the order of time."""
    path = folder / name
    found = []
    for number, line in enumerate(read_lines(path), 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        if len(words) != 2:
            raise DataError(f"{path}:{number}: {len(words)} words, expected 2: a time stamp and a picture")
        try:
            found.append((float(words[0]), folder / words[1]))
        except ValueError as e:
            raise DataError(f"{path}:{number}: the time stamp is '{words[0]}', expected seconds") from e
    if not found:
        raise DataError(f"{path}: lists nothing")
    times, paths = zip(*sorted(found))
    return np.array(times), paths
