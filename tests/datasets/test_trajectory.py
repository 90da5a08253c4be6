"""Trajectory files: round trips, the published layouts, association, and refusals by file:line."""

import numpy as np
import pytest

from pycaffe_geo.datasets.trajectory import matched, nearest_in_time, read_kitti, read_tum_trajectory, write_kitti, write_tum
from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry import se3


def poses(count=7):
    twists = np.random.default_rng(0).uniform(-1, 1, (count, 6))
    turns = np.linalg.norm(twists[:, :3], axis=1, keepdims=True)
    twists[:, :3] *= np.array([0, 1e-9, 1e-4, 0.5, 2, np.pi - 1e-6, np.pi])[:count, None] / turns
    return se3.exp(twists)


def test_kitti_comes_back_as_it_was(tmp_path):
    write_kitti(tmp_path / "new" / "a.txt", poses())
    np.testing.assert_array_equal(read_kitti(tmp_path / "new" / "a.txt"), poses())


def test_kitti_is_row_by_row(tmp_path):
    (tmp_path / "a.txt").write_text("0 -1 0 5  1 0 0 6  0 0 1 7\n\n1 0 0 0 0 1 0 0 0 0 1 2e-1\n")
    turned, ahead = read_kitti(tmp_path / "a.txt")
    np.testing.assert_array_equal(turned, [[0, -1, 0, 5], [1, 0, 0, 6], [0, 0, 1, 7], [0, 0, 0, 1]])
    np.testing.assert_array_equal(ahead, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0.2], [0, 0, 0, 1]])


def test_tum_comes_back_as_it_was(tmp_path):
    times = 1311868164.363181 + np.arange(7) / 30
    write_tum(tmp_path / "a.txt", times, poses())
    own_times, own = read_tum_trajectory(tmp_path / "a.txt")
    np.testing.assert_array_equal(own_times, times)
    np.testing.assert_allclose(own, poses(), atol=1e-12)


def test_tum_quaternions_have_the_scalar_last(tmp_path):
    Rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    turn = Rotation.from_rotvec([0.3, -0.2, 0.5])
    quaternion = " ".join(map(str, turn.as_quat()))
    (tmp_path / "a.txt").write_text(f"# t x y z q\n2.5 1 2 3 {quaternion} # late\n0.5, 4, 5, 6, 0, 0, 0, -1\n")
    times, own = read_tum_trajectory(tmp_path / "a.txt")
    np.testing.assert_array_equal(times, [0.5, 2.5])
    np.testing.assert_allclose(own[1, :3, :3], turn.as_matrix(), atol=1e-12)
    np.testing.assert_array_equal(own[:, :3, 3], [[4, 5, 6], [1, 2, 3]])
    np.testing.assert_array_equal(own[0, :3, :3], np.eye(3))
    write_tum(tmp_path / "b.txt", times, own)
    row = np.array((tmp_path / "b.txt").read_text().splitlines()[1].split(), float)
    np.testing.assert_allclose(row[4:], turn.as_quat(), atol=1e-12)


def test_frames_are_matched_in_time():
    i, j = matched(np.array([0.0, 0.1, 0.2, 0.5]), np.array([0.095, 0.104, 0.205]))
    np.testing.assert_array_equal([i, j], [[1, 2], [1, 2]])
    with pytest.raises(DataError, match="no two time stamps are within 0.01 s: 0.000000 to 1.000000 in one file, 5.000000 to 6"):
        matched(np.array([0.0, 1.0]), np.array([5.0, 6.0]))


def test_each_partner_is_used_once_and_the_closest_wins():
    times, others = np.array([0.0, 0.01, 0.05, 1.0]), np.array([0.045, 0.012, 0.9])
    np.testing.assert_array_equal(nearest_in_time(times, others, 0.02), [-1, 1, 0, -1])
    np.testing.assert_array_equal(nearest_in_time(times, np.array([0.01]), 0.02), [-1, 0, -1, -1])


IDENTITY = "1 0 0 0 0 1 0 0 0 0 1 0\n"


@pytest.mark.parametrize("read, text, message", [
    (read_kitti, IDENTITY + "1 2 3\n", "a.txt:2: 3 numbers, expected 12 numbers"),
    (read_kitti, "0 0 0 0 0 0 0 1\n", "a.txt:1: 8 numbers, expected 12"),
    (read_kitti, IDENTITY + IDENTITY.replace("1", "x", 1), "a.txt:2: .*'x'; expected 12 numbers"),
    (read_kitti, "\n" + IDENTITY.replace("0", "nan", 1), "a.txt:2: has a number that is not finite"),
    (read_kitti, IDENTITY + IDENTITY[:-2] + "-1e200\n", "a.txt:2: has a number that is not finite, or absurdly large"),
    (read_kitti, IDENTITY.replace("1", "2", 1), "a.txt:1: no rotation: R R.T differs from 1 by 3, det R = 2"),
    (read_kitti, IDENTITY.replace("1", "-1", 1), "a.txt:1: no rotation: R R.T differs from 1 by 0, det R = -1"),
    (read_kitti, "# nothing\n", "a.txt: has no pose, expected lines of 12"),
    (read_tum_trajectory, "0 0 0 0 0 0 0 1\n# x\n1 0 0 0 0 0 0 2\n", "a.txt:3: the quaternion has length 2, expected 1"),
    (read_tum_trajectory, IDENTITY, "a.txt:1: 12 numbers, expected timestamp tx ty tz qx qy qz qw; is it a KITTI"),
])
def test_damage_is_named_by_line(tmp_path, read, text, message):
    (tmp_path / "a.txt").write_text(text)
    with pytest.raises(DataError, match=message):
        read(tmp_path / "a.txt")


def test_a_missing_file(tmp_path):
    with pytest.raises(DataError, match="a.txt: cannot be read as text: .*No such file"):
        read_kitti(tmp_path / "a.txt")
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="a.txt: cannot be read as text"):
        read_tum_trajectory(tmp_path / "a.txt")
