"""KITTI odometry: the layout, the pose of the left camera, and refusals."""

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.kitti_odometry import read_kitti_odometry
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")
TURN = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])  # by 90 degrees: the camera looks along the world's x


def write_sequence(folder, name, count, width=6):
    for number, camera in enumerate(("image_2", "image_3")):
        (folder / "sequences" / name / camera).mkdir(parents=True)
        for i in range(count):
            picture = Image.fromarray(np.full((4, width, 3), 100 * number + i, np.uint8))
            picture.save(folder / "sequences" / name / camera / f"{i:06}.png")
    rows = {"P0": 0, "P1": -5, "P2": 1.2, "P3": -4.8}  # fx times the shift
    text = "".join(f"{key}: 10 0 2.5 {shift} 0 12 1.5 0 0 0 1 0\n" for key, shift in rows.items())
    (folder / "sequences" / name / "calib.txt").write_text(text, encoding="utf-8")


def write_poses(folder, name, count):
    (folder / "poses").mkdir(exist_ok=True)
    poses = [np.hstack([TURN, [[i], [0], [0]]]).ravel() for i in range(count)]
    np.savetxt(folder / "poses" / f"{name}.txt", poses, fmt="%.6e")


@pytest.fixture
def folder(tmp_path):
    write_sequence(tmp_path, "00", 3)
    write_sequence(tmp_path, "01", 2, width=8)
    write_poses(tmp_path, "00", 3)
    write_poses(tmp_path, "01", 2)
    return tmp_path


def test_a_sequence_with_poses_of_its_left_camera(folder):
    frames = load_frames(read_kitti_odometry(folder, ["00"]))
    assert frames.source == "KITTI odometry 00" and frames.names == ("00/000000", "00/000001", "00/000002")
    np.testing.assert_array_equal(frames.color[:, 0, 0, 0], [0, 1, 2])
    np.testing.assert_array_equal(frames.right[:, 0, 0, 0], [100, 101, 102])
    np.testing.assert_allclose(frames.intrinsics, [[10, 12, 2.5, 1.5]] * 3)
    np.testing.assert_allclose(frames.baseline, [0.6] * 3)
    assert frames.sequence.tolist() == [0, 0, 0]
    # Camera 2 is at x = -0.12 of camera 0, whose x axis is the world's -z: so it is at z = +0.12.
    np.testing.assert_allclose(frames.pose_c2w[:, :3, 3], [[0, 0, 0.12], [1, 0, 0.12], [2, 0, 0.12]], atol=1e-9)
    np.testing.assert_allclose(frames.pose_c2w[:, :3, :3], [TURN] * 3, atol=1e-9)


def test_several_sequences_of_different_size(folder):
    frames = load_frames(read_kitti_odometry(folder, left_only=True), size=(4, 4))
    assert frames.source == "KITTI odometry 00, 01" and frames.sequence.tolist() == [0, 0, 0, 1, 1]
    assert frames.right is None and frames.baseline is None
    np.testing.assert_allclose(frames.intrinsics[[0, 4], 0], [10 * 4 / 6, 10 * 4 / 8])
    assert load_frames(read_kitti_odometry(folder, ["01", "00"], True), (4, 4)).names[0] == "01/000000"


def test_poses_go_by_the_number_of_the_picture(folder):
    for camera in ("image_2", "image_3"):
        (folder / "sequences" / "00" / camera / "000001.png").unlink()
    frames = load_frames(read_kitti_odometry(folder, ["00"]))
    assert frames.pose_c2w[:, 0, 3].tolist() == [0, 2] and frames.sequence.tolist() == [0, 1]


def test_without_ground_truth(folder):
    write_sequence(folder, "11", 2)
    assert load_frames(read_kitti_odometry(folder, ["11"])).pose_c2w is None
    with pytest.raises(DataError, match="sequences '11' have no poses/NN.txt, .*expected poses for all or for none"):
        read_kitti_odometry(folder, ["00", "11"])


@pytest.mark.parametrize("damage, message", [
    (lambda f: (f / "sequences").rename(f / "z"), "sequences: no such folder; expected sequences/ and poses/"),
    (lambda f: (f / "sequences" / "00").rename(f / "sequences" / "07"), r"no sequence '00'.* \(there are '01', '07'\)"),
    (lambda f: (f / "sequences" / "00" / "calib.txt").unlink(), "00/calib.txt: cannot be read as text"),
    (lambda f: (f / "sequences" / "00" / "image_2").rename(f / "z"), "image_2: no such folder"),
    (lambda f: (f / "sequences" / "00" / "image_3").rename(f / "z"), r"image_3: no such folder; .*\(or --left-only\)"),
    (lambda f: (f / "sequences" / "00" / "image_3" / "000002.png").unlink(), "image_3: has no picture 2 for .*000002.png"),
    (lambda f: write_poses(f, "00", 2), "00.txt: holds 2 poses, there is a picture 2; expected one for each"),
    (lambda f: (f / "poses" / "00.txt").write_text("1 2 3\n"), "00.txt:1: 3 numbers, expected 12 numbers"),
])
def test_damage_is_named_by_place(folder, damage, message):
    damage(folder)
    with pytest.raises(DataError, match=message):
        read_kitti_odometry(folder, ["00"])
