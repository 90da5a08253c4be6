"""RGB-D frames of a sequence in the layout of the TUM RGB-D benchmark (Sturm et al. 2012)."""

from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, check_rotation, picture_reader, read_intrinsics
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
    color_times, color = _rows(folder / "rgb.txt", 2)
    depth_times, depth = _rows(folder / "depth.txt", 2)
    pose_times, poses = _rows(folder / "groundtruth.txt", 8)
    depth_of = nearest_in_time(color_times, depth_times, max_difference)
    pose_of = nearest_in_time(color_times, pose_times, max_difference)
    used = [i for i in range(len(color)) if depth_of[i] >= 0 and pose_of[i] >= 0]
    if not used:
        raise DataError(f"{folder}: of {len(color)} colour pictures none has a depth picture and a ground truth within "
                        f"{max_difference} s; do the three lists use one clock?")
    color = [folder / color[i][1] for i in used]
    read = picture_reader(color, [folder / depth[depth_of[i]][1] for i in used], _DEPTH_SCALE)
    pose_c2w = np.stack([_pose(poses[pose_of[i]], folder / "groundtruth.txt") for i in used])
    steps = np.diff(color_times[used])
    sequence = np.append(0, np.cumsum(steps > _LONG_STEP * np.median(steps))) if len(used) > 1 else None
    return Recording(folder.name, tuple(path.stem for path in color), read, intrinsics, pose_c2w, sequence=sequence)


def _camera(folder, camera):
    name = camera or next((f"fr{i}" for i in (1, 2, 3) if f"freiburg{i}" in folder.name.lower()), None)
    if name is None:
        raise DataError(f"{folder}: the folder's name tells no camera; say which: {listed(CAMERAS)}, or give "
                        "--intrinsics fx,fy,cx,cy")
    if name not in CAMERAS:
        raise DataError(f"camera '{name}' is not known{nearest(name, CAMERAS)} (known: {listed(CAMERAS)})")
    return CAMERAS[name]


def _rows(path, columns):
    """Return the times (n,) float64 and the split rows of a list file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f"{path}: cannot be read as text: {e}") from e
    times, rows = [], []
    for number, line in enumerate(lines, 1):
        words = line.split("#")[0].split()
        if not words:
            continue
        try:
            times.append(float(words[0]))
        except ValueError as e:
            raise DataError(f"{path}:{number}: the time stamp is '{words[0]}', expected seconds") from e
        if len(words) != columns:
            raise DataError(f"{path}:{number}: {len(words)} words, expected {columns}")
        rows.append(words)
    if not rows:
        raise DataError(f"{path}: lists nothing")
    return np.array(times), rows


def nearest_in_time(times, others, max_difference):
    """Return for each of `times` (seconds) the index of its partner in `others`, or -1; the closest get theirs first."""
    order = np.argsort(others)
    later = np.clip(np.searchsorted(others[order], times), 1, max(len(others) - 1, 1))
    candidates = [(abs(times[i] - others[j]), i, j) for i in range(len(times))
                  for j in order[max(later[i] - 2, 0):later[i] + 2]]
    partner, taken = np.full(len(times), -1), set()
    for difference, i, j in sorted(candidates):
        if difference <= max_difference and partner[i] < 0 and j not in taken:
            partner[i] = j
            taken.add(j)
    return partner


def _pose(words, path):
    """Return the camera-to-world matrix of a row 'time tx ty tz qx qy qz qw'."""
    place = f"{path}: time {words[0]}"
    try:
        tx, ty, tz, *quaternion = (float(word) for word in words[1:])
    except ValueError as e:
        raise DataError(f"{place}: {e}; expected tx ty tz qx qy qz qw") from e
    norm = np.linalg.norm(quaternion)
    if not abs(norm - 1) < 0.01:
        raise DataError(f"{place}: the quaternion {quaternion} has length {norm:.4g}, expected 1")
    x, y, z, w = np.array(quaternion) / norm
    pose = np.eye(4)
    pose[:3, :3] = [[1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                    [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                    [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)]]
    pose[:3, 3] = tx, ty, tz
    check_rotation(pose, place)
    return pose
