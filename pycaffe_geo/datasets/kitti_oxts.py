"""Poses of KITTI's raw drives out of the car's navigation unit, which joins GPS and inertial sensors (Geiger et al. 2013)."""

import math

import numpy as np

from pycaffe_geo.datasets.folder import read_table
from pycaffe_geo.datasets.kitti import calibrated, read_calibration
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3

_EARTH = 6378137.0  # metres, the radius that the data's own tools take


def unit_poses(packets):
    """Return the poses (F, 4, 4) of the navigation unit in a world whose x points east, y north and z up, metres.

    packets: (F, 6) latitude and longitude in degrees, height in metres, roll, pitch and yaw in radians. The Mercator projection
    is true in scale at the first packet, where the world has its origin.
    """
    latitude, longitude = np.radians(packets[:, :2]).T
    scale = _EARTH * math.cos(latitude[0])
    place = np.stack([scale * longitude, scale * np.log(np.tan(np.pi / 4 + latitude / 2)), packets[:, 2]], axis=1)
    poses = np.tile(np.eye(4), (len(packets), 1, 1))
    poses[:, :3, :3] = _turns(packets[:, 5], 2) @ _turns(packets[:, 4], 1) @ _turns(packets[:, 3], 0)
    poses[:, :3, 3] = place - place[0]
    return poses


def _turns(angles, axis):
    """Return the rotations (F, 3, 3) by `angles` (F,) about axis 0, 1 or 2."""
    i, j = (axis + 1) % 3, (axis + 2) % 3
    turns = np.zeros((len(angles), 3, 3))
    turns[:, axis, axis] = 1
    turns[:, i, i] = turns[:, j, j] = np.cos(angles)
    turns[:, j, i] = np.sin(angles)
    turns[:, i, j] = -turns[:, j, i]
    return turns


def read_packet(path):
    """Return latitude, longitude, height, roll, pitch, yaw (6,) of a packet: the first of its 30 numbers."""
    rows = read_table(path)
    if rows.shape[0] != 1 or rows.shape[1] < 6 or not np.isfinite(rows[0, :6]).all() or not abs(rows[0, 0]) < 89:
        raise DataError(f"{path}: holds {rows.shape[0]} rows of {rows.shape[1]} numbers, expected one of 30: latitude, "
                        "longitude, height, roll, pitch, yaw ...")
    return rows[0, :6]


def read_unit_to_scanner(day):
    """Return the transform (4, 4) of the navigation unit's points into the laser scanner: calib_imu_to_velo.txt."""
    path = day / "calib_imu_to_velo.txt"
    calibration = read_calibration(path)
    transform = np.eye(4)
    transform[:3, :3] = calibrated(calibration, "R", (3, 3), path)
    transform[:3, 3] = calibrated(calibration, "T", (3,), path)
    return transform


def camera_poses(packets, unit_to_camera):
    """Return the camera-to-world poses (F, 4, 4) of a drive's packets (F, 6); unit_to_camera: (4, 4)."""
    return unit_poses(packets) @ se3.inverse(unit_to_camera)
