"""7-Scenes: the layout, missing depth, splits, and refusals."""

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.seven_scenes import read_seven_scenes, split_sequences
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")


def write_frame(folder, sequence, number):
    frame = folder / f"seq-{sequence:02}" / f"frame-{number:06}"
    frame.parent.mkdir(exist_ok=True)
    Image.fromarray(np.full((4, 6, 3), 10 * sequence + number, np.uint8)).save(f"{frame}.color.png")
    depth = np.full((4, 6), 1000 + number, np.uint16)
    depth[0, 0], depth[0, 1] = 65535, 0
    Image.fromarray(depth).save(f"{frame}.depth.png")
    pose = np.eye(4)
    pose[:3, 3] = sequence, number, 0.5
    np.savetxt(f"{frame}.pose.txt", pose, delimiter="\t ")


@pytest.fixture
def folder(tmp_path):
    scene = tmp_path / "chess"
    scene.mkdir()
    for sequence, number in ((1, 0), (1, 1), (1, 3), (2, 4)):
        write_frame(scene, sequence, number)
    (scene / "TrainSplit.txt").write_text("sequence2\n", encoding="utf-8")
    (scene / "TestSplit.txt").write_text("sequence1\r\n", encoding="utf-8")
    return scene


def test_frames_of_all_sequences(folder):
    frames = load_frames(read_seven_scenes(folder))
    assert frames.source == "7-Scenes chess"
    assert frames.names == ("seq-01/000000", "seq-01/000001", "seq-01/000003", "seq-02/000004")
    np.testing.assert_array_equal(frames.color[:, 0, 0, 0], [10, 11, 13, 24])
    np.testing.assert_allclose(frames.depth[:, 3, 5], [1, 1.001, 1.003, 1.004])
    assert np.count_nonzero(frames.depth[:, 0, :2]) == 0
    np.testing.assert_array_equal(frames.pose_c2w[:, :3, 3], [[1, 0, 0.5], [1, 1, 0.5], [1, 3, 0.5], [2, 4, 0.5]])
    np.testing.assert_array_equal(frames.intrinsics, [[585, 585, 320, 240]] * 4)
    assert frames.sequence.tolist() == [0, 0, 1, 2]


def test_hidden_files_beside_the_pictures_do_not_count(folder):
    (folder / "seq-02" / "._frame-000004.color.png").write_bytes(b"")  # macOS leaves such on other disks
    assert len(read_seven_scenes(folder).names) == 4


def test_a_split_and_chosen_sequences(folder):
    assert split_sequences(folder, "train") == ("seq-02",) and split_sequences(folder, "test") == ("seq-01",)
    recording = read_seven_scenes(folder, ["seq-02"], intrinsics=(9, 8, 3, 2))
    assert recording.names == ("seq-02/000004",) and recording.intrinsics.tolist() == [9, 8, 3, 2]


@pytest.mark.parametrize("damage, message", [
    (lambda f: f.rename(f.parent / "z"), "chess: holds no sequence, expected folders such as seq-01"),
    (lambda f: (f / "seq-02").rename(f / "seq-03"), r"no sequence 'seq-02'.* \(there are 'seq-01', 'seq-03'\)"),
    (lambda f: (f / "seq-02" / "frame-000004.color.png").unlink(), "seq-02: expected pictures such as frame-000000.color.png"),
    (lambda f: (f / "seq-02" / "frame-000004.color.png").rename(f / "seq-02" / "a.color.png"), "found 'a.color.png', 'frame-"),
    (lambda f: (f / "seq-02" / "frame-000004.depth.png").unlink(), "frame-000004.depth.png: no such picture"),
    (lambda f: (f / "seq-02" / "frame-000004.pose.txt").unlink(), "frame-000004.pose.txt: cannot be read as text"),
    (lambda f: (f / "seq-02" / "frame-000004.pose.txt").write_text("1 0 0 0\n" * 3), "has 3 rows of numbers, expected a 4x4"),
    (lambda f: (f / "seq-02" / "frame-000004.pose.txt").write_text("1 0 0 0\n" * 4), "frame-000004.pose.txt: not a rigid pose"),
])
def test_damage_is_named_by_place(folder, damage, message):
    damage(folder)
    with pytest.raises(DataError, match=message):
        load_frames(read_seven_scenes(folder, ["seq-02"]))


def test_wrong_splits_are_named(folder):
    (folder / "TestSplit.txt").write_text("sequence1\nchess\n", encoding="utf-8")
    with pytest.raises(DataError, match="TestSplit.txt: holds 'sequence1', 'chess', expected lines such as sequence1"):
        split_sequences(folder, "test")
    (folder / "TrainSplit.txt").unlink()
    with pytest.raises(DataError, match="TrainSplit.txt: cannot be read as text"):
        split_sequences(folder, "train")
