"""Poses of the navigation unit: turns, places, and packets that are none."""

import numpy as np
import pytest

from pycaffe_geo.datasets.kitti_oxts import camera_poses, read_packet, read_unit_to_scanner, unit_poses
from pycaffe_geo.errors import DataError


def test_turns_are_yaw_pitch_and_roll():
    Rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    angles = np.random.default_rng(0).uniform(-1.5, 1.5, (20, 3))
    packets = np.hstack([np.tile([49, 8, 100], (20, 1)), angles])
    expected = Rotation.from_euler("xyz", angles).as_matrix()  # about fixed axes: roll first, yaw last
    np.testing.assert_allclose(unit_poses(packets)[:, :3, :3], expected, atol=1e-12)


def test_places_are_metres_to_the_east_the_north_and_up():
    packets = np.array([[60, 10, 5, 0, 0, 0], [60, 10 + 1e-5, 5, 0, 0, 0], [60 + 1e-5, 10, 7, 0, 0, 0.0]])
    degree = 6378137 * np.pi / 180
    expected = [[0, 0, 0], [degree * 1e-5 / 2, 0, 0], [0, degree * 1e-5, 2]]  # cos 60 = 1/2
    np.testing.assert_allclose(unit_poses(packets)[:, :3, 3], expected, atol=1e-5)


def test_a_camera_on_the_unit():
    unit_to_camera = np.eye(4)
    unit_to_camera[:3, 3] = 0, 0, -2  # the camera is 2 m above
    packets = np.array([[0, 0, 0, np.pi / 2, 0, 0.0]])  # and the unit rolls to its right: its z axis points to -y
    np.testing.assert_allclose(camera_poses(packets, unit_to_camera)[0, :3, 3], [0, -2, 0], atol=1e-12)


@pytest.mark.parametrize("text, message", [
    ("1 2 3\n", "0.txt: holds 1 rows of 3 numbers, expected one of 30: latitude"),
    ("1 2 3 4 5 6\n" * 2, "holds 2 rows of 6"),
    ("1 2 nan 4 5 6\n", "expected one of 30"),
    ("95 2 3 4 5 6\n", "expected one of 30"),
    ("", "holds no numbers"),
])
def test_wrong_packets_are_named(tmp_path, text, message):
    (tmp_path / "0.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_packet(tmp_path / "0.txt")


def test_a_day_without_its_calibration_is_named(tmp_path):
    with pytest.raises(DataError, match="calib_imu_to_velo.txt: cannot be read as text"):
        read_unit_to_scanner(tmp_path)
