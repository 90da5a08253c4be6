"""TUM sequences: association in time, the quaternion's order, the camera, and refusals."""

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.tum import read_tum
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")
Rotation = pytest.importorskip("scipy.spatial.transform").Rotation

TURN = Rotation.from_rotvec([0.3, -0.2, 0.5])


@pytest.fixture
def folder(tmp_path):
    sequence = tmp_path / "rgbd_dataset_freiburg2_test"
    for name in ("rgb", "depth"):
        (sequence / name).mkdir(parents=True)
    for i in range(4):
        Image.fromarray(np.full((4, 6, 3), 10 * i, np.uint8)).save(sequence / "rgb" / f"{i}.png")
        Image.fromarray(np.full((4, 6), 5000 * (i + 1), np.uint16)).save(sequence / "depth" / f"{i}.png")
    quaternion = " ".join(map(str, TURN.as_quat()))  # x y z w, as in the benchmark
    (sequence / "rgb.txt").write_text("# colour\n" + "".join(f"{i / 10} rgb/{i}.png\n" for i in range(4)))
    (sequence / "depth.txt").write_text("# depth\n0.011 depth/0.png\n0.105 depth/1.png\n0.250 depth/2.png\n0.301 depth/3.png\n")
    (sequence / "groundtruth.txt").write_text("".join(f"{i / 100} {i} 0 1 {quaternion}\n" for i in range(40)))
    return sequence


def test_frames_are_matched_in_time(folder):
    frames = load_frames(read_tum(folder))
    assert frames.names == ("0", "1", "3")  # picture 2 has no depth within 0.02 s
    np.testing.assert_array_equal(frames.depth[:, 0, 0], [1, 2, 4])
    np.testing.assert_array_equal(frames.pose_c2w[:, 0, 3], [0, 10, 30])
    np.testing.assert_allclose(frames.pose_c2w[1, :3, :3], TURN.as_matrix(), atol=1e-12)
    np.testing.assert_array_equal(frames.intrinsics[0], [520.9, 521.0, 325.1, 249.7])
    np.testing.assert_array_equal(read_tum(folder, camera="fr1").intrinsics, [517.3, 516.5, 318.6, 255.3])
    np.testing.assert_array_equal(read_tum(folder, intrinsics=[1, 2, 3, 4]).intrinsics, [1, 2, 3, 4])


def test_a_long_gap_in_time_ends_a_sequence(folder):
    late = [0, 0.1, 0.2, 0.9]
    for name in ("rgb", "depth"):
        (folder / f"{name}.txt").write_text("".join(f"{time} {name}/{i}.png\n" for i, time in enumerate(late)))
    (folder / "groundtruth.txt").write_text("".join(f"{time} 0 0 1 0 0 0 1\n" for time in late))
    np.testing.assert_array_equal(read_tum(folder).sequence, [0, 0, 0, 1])


def test_lists_may_be_in_any_order(folder):
    lines = (folder / "rgb.txt").read_text().splitlines()
    (folder / "rgb.txt").write_text("\n".join(lines[::-1]))
    assert read_tum(folder).names == ("0", "1", "3")


@pytest.mark.parametrize("name, text, message", [
    ("rgb.txt", "0.0 a.png extra\n", "rgb.txt:1: 3 words, expected 2"),
    ("rgb.txt", "zero a.png\n", "rgb.txt:1: the time stamp is 'zero', expected seconds"),
    ("depth.txt", "# nothing\n", "depth.txt: lists nothing"),
    ("groundtruth.txt", "0.0 0 0 0 0 0 0 2\n", "groundtruth.txt:1: the quaternion has length 2, expected 1"),
    ("groundtruth.txt", "1e9 0 0 0 0 0 0 1\n", "of 4 colour pictures none has .*within 0.02 s; do the three lists use one clock"),
    ("rgb.txt", "0.0 rgb/9.png\n", "rgb/9.png: no such picture"),
])
def test_damage_is_named_by_place(folder, name, text, message):
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=message):
        load_frames(read_tum(folder))


def test_the_camera_must_be_known(folder):
    with pytest.raises(DataError, match="camera 'fr9' is not known.*'fr1'"):
        read_tum(folder, camera="fr9")
    other = folder.rename(folder.parent / "kitchen")
    with pytest.raises(DataError, match="kitchen: the folder's name tells no camera; say which: 'fr1'"):
        read_tum(other)
    with pytest.raises(DataError, match="nowhere: no such folder"):
        read_tum(other.parent / "nowhere")
    (other / "rgb.txt").unlink()
    with pytest.raises(DataError, match="rgb.txt: cannot be read as text"):
        read_tum(other, camera="fr1")
