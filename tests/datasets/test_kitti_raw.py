"""KITTI raw: lists, calibration, the laser scanner's depth, runs, and refusals."""

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.kitti_raw import read_kitti_raw, read_places, read_rig, read_scan, scan_depth
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")
DAY, A, B = "2011_09_26", "2011_09_26_drive_0001", "2011_09_26_drive_0002"
# The scanner's x is forward, y left, z up; it sits 0.1 m above camera 0.
SCANNER = "calib_time: 15-Mar-2012 11:37:16\nR: 0 -1 0 0 0 -1 1 0 0\nT: 0 -0.1 0\n"
CAMERAS = """calib_time: 09-Jan-2012 13:57:47
S_rect_02: 1.0e+01 6.0e+00
R_rect_00: 1 0 0 0 1 0 0 0 1
P_rect_02: 8 0 4.5 0.48 0 8 2.5 0 0 0 1 0
P_rect_03: 8 0 4.5 -3.52 0 8 2.5 0 0 0 1 0
"""


def write_drive(folder, name, numbers):
    drive = folder / DAY / f"{name}_sync"
    for part in ("image_02", "image_03", "velodyne_points", "oxts"):
        (drive / part / "data").mkdir(parents=True)
    for i in numbers:
        for side, camera in enumerate(("image_02", "image_03")):
            Image.fromarray(np.full((6, 10, 3), 100 * side + i, np.uint8)).save(drive / camera / "data" / f"{i:010}.png")
        rows = np.array([[5, 0, 0, 0.3], [10 + i, 0, 0, 0.3]], "<f4")
        rows.tofile(drive / "velodyne_points" / "data" / f"{i:010}.bin")
        packet = [49 + i * 1e-5, 8.4, 112 + 0.1 * i, 0, 0, np.pi / 2, *[0] * 24]  # the car drives north
        np.savetxt(drive / "oxts" / "data" / f"{i:010}.txt", [packet])


@pytest.fixture
def folder(tmp_path):
    write_drive(tmp_path, A, (0, 1, 3))
    write_drive(tmp_path, B, (7, 8))
    (tmp_path / DAY / "calib_cam_to_cam.txt").write_text(CAMERAS, encoding="utf-8")
    (tmp_path / DAY / "calib_velo_to_cam.txt").write_text(SCANNER, encoding="utf-8")
    (tmp_path / DAY / "calib_imu_to_velo.txt").write_text("R: 1 0 0 0 1 0 0 0 1\nT: -0.8 0 0\n", encoding="utf-8")
    return tmp_path


def test_all_drives(folder):
    frames = load_frames(read_kitti_raw(folder))
    assert frames.source == "KITTI raw, 2 drives" and frames.names[2:4] == (f"{A}/0000000003", f"{B}/0000000007")
    np.testing.assert_array_equal(frames.color[:, 0, 0, 0], [0, 1, 3, 7, 8])
    np.testing.assert_array_equal(frames.right[:, 0, 0, 0], [100, 101, 103, 107, 108])
    np.testing.assert_array_equal(frames.intrinsics, [[8, 8, 4.5, 2.5]] * 5)
    np.testing.assert_allclose(frames.baseline, [0.5] * 5)
    assert frames.sequence.tolist() == [0, 0, 1, 2, 2] and frames.pose_c2w is None


def test_points_of_the_scanner_reach_their_pixels(folder):
    # A point 5 m ahead of the scanner is at (0.06, -0.1, 5) of camera 2: at pixel (4.5 + 0.096, 2.5 - 0.16).
    depth = load_frames(read_kitti_raw(folder)).depth
    np.testing.assert_allclose(depth[:, 2, 5], [5] * 5)
    assert np.count_nonzero(depth) == 5  # the second point lies behind the first
    small = load_frames(read_kitti_raw(folder, size=(5, 3)), size=(5, 3))
    np.testing.assert_allclose(small.depth[:, 1, 2], [5] * 5)
    assert np.count_nonzero(small.depth) == 5
    np.testing.assert_allclose(small.intrinsics[0], [4, 4, 2, 1])


def test_scan_depth_as_a_loop_gives_it():
    rng = np.random.default_rng(0)
    points = rng.uniform([-5, -4, -3], [20, 4, 3], (4000, 3))
    transform = np.eye(4)
    transform[:3] = [[0, -1, 0, 0.02], [0, 0, -1, -0.1], [1, 0, 0, -0.3]]
    intrinsics = (12, 11, 9.5, 6)
    expected = np.full((14, 20), np.inf)
    for point in points:
        x, y, z = (transform @ [*point, 1])[:3]
        if z > 0.1:
            column, row = round(12 * x / z + 9.5), round(11 * y / z + 6)
            if 0 <= column < 20 and 0 <= row < 14:
                expected[row, column] = min(expected[row, column], z)
    expected[np.isinf(expected)] = 0
    found = scan_depth(points, transform, intrinsics, 14, 20)
    assert np.count_nonzero(found) > 100
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_list_is_kept_in_its_order_and_what_is_left_out_is_not_there(folder):
    def numbers(*words, **options):
        recording = read_kitti_raw(folder, *words, **options)
        return [name.replace("2011_09_26_drive_", "").replace("000000000", "") for name in recording.names]

    assert numbers([(B, 8), (A, 1), (A, 0), (B, 8)]) == ["0002/8", "0001/1", "0001/0"]
    assert numbers([(A, None)]) == ["0001/0", "0001/1", "0001/3"]
    assert numbers(leave_out=[(A, 1), (B, None)]) == ["0001/0", "0001/3"]
    with pytest.raises(DataError, match="every frame is left out"):
        numbers(leave_out=[(A, None), (B, None)])


def test_poses_of_a_car_that_drives_north(folder):
    poses = read_kitti_raw(folder, [(B, 8), (A, 1), (A, 0), (A, 3)], poses=True).pose_c2w
    assert read_kitti_raw(folder).pose_c2w is None
    np.testing.assert_allclose(poses[0, :3, :3], [[1, 0, 0], [0, 0, 1], [0, -1, 0]], atol=1e-9)  # x east, y down, z north
    # The camera is at (0, 0.06, -0.1) of the scanner (x forward, y left, z up), which is 0.8 m ahead of the unit.
    np.testing.assert_allclose(poses[:2, :3, 3], [[-0.06, 0.8, -0.1]] * 2, atol=1e-9)  # each drive begins at 0
    steps = poses[2:, :3, 3] - poses[1, :3, 3]
    north = 6378137 * np.radians(1e-5)
    np.testing.assert_allclose(steps, [[0, -north, -0.1], [0, 2 * north, 0.2]], rtol=1e-5, atol=1e-6)


def test_without_right_camera_and_scanner(folder):
    for part in ("image_03", "velodyne_points"):
        (folder / DAY / f"{A}_sync" / part).rename(folder / part)
    with pytest.raises(DataError, match=r"image_03.data: no such folder; .*\(or --left-only\)"):
        read_kitti_raw(folder)
    with pytest.raises(DataError, match=r"velodyne_points.data: holds no laser scan .*\(or --no-depth\)"):
        read_kitti_raw(folder, left_only=True)
    frames = load_frames(read_kitti_raw(folder, left_only=True, scans=False))
    assert len(frames) == 5 and frames.right is frames.depth is frames.baseline is None


def test_a_missing_scan(folder):
    (folder / DAY / f"{A}_sync" / "velodyne_points" / "data" / "0000000001.bin").unlink()
    assert len(read_kitti_raw(folder)) == 4
    with pytest.raises(DataError, match=rf"{A}_sync: has no frame 1, or no laser scan of it \(or --no-depth\)"):
        read_kitti_raw(folder, [(A, 1)])


def test_the_forms_of_lists(tmp_path):
    (tmp_path / "list.txt").write_text(f"""
{DAY}/{A}_sync/image_02/data/0000000069.png {DAY}/{A}_sync/image_03/data/0000000069.png
{DAY}/{A}_sync/image_03/data/0000000008.jpg
{DAY}/{A}_sync 22 l
{A}_sync 02 0000000005
{A}_sync_03 0000000006
{B}
{DAY}/{B}_sync/
""".replace("sync/\n", "sync\n"), encoding="utf-8")
    expected = [(A, 69), (A, 8), (A, 22), (A, 5), (A, 6), (B, None), (B, None)]
    assert read_places(tmp_path / "list.txt") == expected


@pytest.mark.parametrize("text, message", [
    ("\n", "names no drive"),
    (f"{A}\nimage.png", "list.txt:2: 'image.png', expected a drive, or a picture of one, as 2011_09_26/2011_09_26_drive_0002"),
    (f"{A} 5", f"list.txt:1: '{A} 5', expected"),
    (f"{A}_sync/image_02/data/x.png", "list.txt:1: .* expected"),
])
def test_wrong_lists_are_named(tmp_path, text, message):
    (tmp_path / "list.txt").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_places(tmp_path / "list.txt")
    with pytest.raises(DataError, match="nowhere.txt: cannot be read as text"):
        read_places(tmp_path / "nowhere.txt")


def rewrite(path, old, new):
    path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")


@pytest.mark.parametrize("damage, message", [
    (lambda f: rewrite(f / DAY / "calib_cam_to_cam.txt", "P_rect_03", "Q"), "calib_cam_to_cam.txt: has no line 'P_rect_03:'"),
    (lambda f: rewrite(f / DAY / "calib_cam_to_cam.txt", "R_rect_00: 1", "R_rect_00:"), "'R_rect_00' is .* expected 9 finite"),
    (lambda f: rewrite(f / DAY / "calib_cam_to_cam.txt", "1.0e+01", "1.2e+01"), "is 10x6, the calibration is for 12x6"),
    (lambda f: rewrite(f / DAY / "calib_velo_to_cam.txt", "T:", "S:"), "calib_velo_to_cam.txt: has no line 'T:'"),
    (lambda f: (f / DAY / "calib_velo_to_cam.txt").unlink(), "calib_velo_to_cam.txt: cannot be read"),
    (lambda f: (f / DAY / f"{A}_sync" / "velodyne_points" / "data" / "0000000000.bin").write_bytes(bytes(20)),
     "0000000000.bin: holds 5 float32 numbers, expected rows of 4"),
])
def test_damage_is_named_by_place(folder, damage, message):
    damage(folder)
    with pytest.raises(DataError, match=message):
        load_frames(read_kitti_raw(folder))


def test_unknown_drives(folder, tmp_path):
    with pytest.raises(DataError, match=f"has no drive '2011_09_26_drive_0003', did you mean '{B}'"):
        read_kitti_raw(folder, [("2011_09_26_drive_0003", 1)])
    with pytest.raises(DataError, match="holds no drive, expected folders such as 2011_09_26/2011_09_26_drive_0001_sync"):
        read_kitti_raw(tmp_path / DAY)


def test_the_rig_and_scans_that_cannot_be_read(folder, tmp_path):
    rig = read_rig(folder / DAY)
    assert rig.size == (10, 6) and rig.baseline == pytest.approx(0.5)
    np.testing.assert_allclose(rig.scanner_to_camera @ [5, 1, 2, 1], [-0.94, -2.1, 5, 1])
    with pytest.raises(DataError, match="nowhere.bin: cannot be read"):
        read_scan(tmp_path / "nowhere.bin")
