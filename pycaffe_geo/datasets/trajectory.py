"""Trajectory files: camera-to-world poses as text, in the layouts of KITTI odometry and of TUM RGB-D.

    KITTI   12 numbers a line, the upper three rows of the pose row by row; one line for each frame, no comments
    TUM     time stamp (s) tx ty tz qx qy qz qw; `#` begins a comment

Positions are metres. Errors are DataError with file:line.
"""

from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import quaternion

_TOLERANCE = 1e-3  # of R R^T from 1: published files hold 6 digits
_LARGEST = 1e15  # of what a file may hold, so that no square overflows


def read_kitti(path):
    """Read a KITTI file as poses (F, 4, 4) float64."""
    rows, numbers = _table(path, 12, "12 numbers, the upper three rows of a camera-to-world pose")
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3] = rows.reshape(-1, 3, 4)
    turn = poses[:, :3, :3]
    error = np.abs(turn @ turn.transpose(0, 2, 1) - np.eye(3)).max(axis=(1, 2))
    _refuse(path, numbers, (error > _TOLERANCE) | (np.linalg.det(turn) < 0),
            lambda i: f"no rotation: R R^T differs from 1 by {error[i]:.3g}, det R = {np.linalg.det(turn[i]):.3g}")
    return poses


def read_tum_trajectory(path):
    """Read a TUM file as times (F,) in seconds and poses (F, 4, 4), float64, sorted by time."""
    rows, numbers = _table(path, 8, "timestamp tx ty tz qx qy qz qw")
    norm = np.linalg.norm(rows[:, 4:], axis=1)
    _refuse(path, numbers, np.abs(norm - 1) > 0.01, lambda i: f"the quaternion has length {norm[i]:.4g}, expected 1")
    poses = np.tile(np.eye(4), (len(rows), 1, 1))
    poses[:, :3, :3] = quaternion.to_matrix(rows[:, [7, 4, 5, 6]])
    poses[:, :3, 3] = rows[:, 1:4]
    order = np.argsort(rows[:, 0], kind="stable")
    return rows[order, 0], poses[order]


def write_kitti(path, poses):
    """Write poses (F, 4, 4) as a KITTI file; numbers are read back as they were."""
    _write(path, np.asarray(poses, np.float64)[:, :3].reshape(-1, 12))


def write_tum(path, times, poses):
    """Write times (F,) in seconds and poses (F, 4, 4) as a TUM file."""
    poses = np.asarray(poses, np.float64)
    scalar_last = quaternion.from_matrix(poses[:, :3, :3])[:, [1, 2, 3, 0]]
    _write(path, np.concatenate([np.reshape(times, (-1, 1)), poses[:, :3, 3], scalar_last], axis=1))


def matched(times, others, max_difference=0.01):
    """Return indices (i, j), each (M,), of the frames of two sorted lists of times that belong together, each used once.

    The closest find each other first; pairs are at most max_difference seconds apart. DataError where there is none.
    """
    partner = nearest_in_time(times, others, max_difference)
    first = np.flatnonzero(partner >= 0)
    if not len(first):
        raise DataError(f"no two time stamps are within {max_difference:g} s: {times[0]:.6f} to {times[-1]:.6f} in one file, "
                        f"{others[0]:.6f} to {others[-1]:.6f} in the other")
    return first, partner[first]


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


def _table(path, columns, expected):
    """Return the finite numbers (F, columns) of a text file and the number of each row's line."""
    rows, numbers = [], []
    for number, line in enumerate(read_lines(path), 1):
        words = line.partition("#")[0].replace(",", " ").split()
        if not words:
            continue
        if len(words) != columns:
            hint = {12: "; is it a KITTI file?", 8: "; is it a TUM file?"}.get(len(words), "")
            raise DataError(f"{path}:{number}: {len(words)} numbers, expected {expected}{hint}")
        try:
            rows.append([float(word) for word in words])
        except ValueError as e:
            raise DataError(f"{path}:{number}: {e}; expected {expected}") from e
        numbers.append(number)
    if not rows:
        raise DataError(f"{path}: has no pose, expected lines of {expected}")
    rows, numbers = np.array(rows), np.array(numbers)
    _refuse(path, numbers, ~(np.abs(rows) < _LARGEST).all(axis=1), lambda i: "has a number that is not finite, or absurdly large")
    return rows, numbers


def _refuse(path, numbers, bad, reason):
    """Raise DataError for the first row that is `bad` (F,), at its line."""
    if bad.any():
        i = int(bad.argmax())
        raise DataError(f"{path}:{numbers[i]}: {reason(i)}")


def _write(path, rows):
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = "".join(" ".join(map(repr, row)) + "\n" for row in rows.tolist())
    path.write_text(text, encoding="utf-8")
