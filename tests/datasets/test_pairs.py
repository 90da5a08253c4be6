"""Pair files: what is written is read, conventions of a sample, and every corruption named."""

import h5py
import numpy as np
import pytest

from pycaffe_geo.datasets import pairs as pairs_module
from pycaffe_geo.datasets.pairs import PairFile, write_pairs
from pycaffe_geo.errors import DataError


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    pose = np.tile(np.eye(4), (3, 1, 1))
    pose[:, :3, :3] = np.linalg.qr(rng.normal(size=(3, 3, 3)))[0]
    pose[:, :3, 3] = rng.normal(size=(3, 3))
    return {"color": rng.integers(256, size=(3, 4, 5, 3), dtype=np.uint8), "depth": rng.random((3, 4, 5), np.float32) + 1,
            "pose_c2w": pose, "intrinsics": rng.random((3, 4)) + 1, "pairs": np.array([[0, 1], [1, 0], [2, 0], [2, 1]])}


@pytest.fixture
def path(tmp_path, data):
    write_pairs(tmp_path / "some" / "p.h5", **data, source="a test")
    return tmp_path / "some" / "p.h5"


@pytest.fixture(params=["memory", "disk"])
def place(request, monkeypatch):
    if request.param == "disk":
        monkeypatch.setattr(pairs_module, "_MEMORY_LIMIT", 0)


def test_a_sample_follows_the_conventions(path, data, place):
    file = PairFile(path)
    assert (len(file), file.frames, file.height, file.width, file.source) == (4, 3, 4, 5, "a test")
    sample = file.sample(2)
    np.testing.assert_array_equal(sample["src"], data["color"][2, :, :, ::-1].transpose(2, 0, 1))  # BGR
    np.testing.assert_array_equal(sample["tgt"], data["color"][0, :, :, ::-1].transpose(2, 0, 1))
    np.testing.assert_array_equal(sample["depth"], data["depth"][:1])
    np.testing.assert_array_equal(sample["intrinsics"].ravel(), data["intrinsics"][0])
    in_world = data["pose_c2w"][0] @ [1, 2, 3, 1]
    np.testing.assert_allclose(data["pose_c2w"][2] @ sample["pose"][0] @ [1, 2, 3, 1], in_world)  # tgt point -> src -> world
    shapes = {name: (array.shape, array.dtype.name) for name, array in sample.items()}
    assert shapes == {"src": ((3, 4, 5), "float32"), "tgt": ((3, 4, 5), "float32"), "depth": ((1, 4, 5), "float32"),
                      "intrinsics": ((4, 1, 1), "float64"), "pose": ((1, 4, 4), "float64")}


def test_a_batch_is_its_samples_in_any_order_and_repeated(path, place):
    file = PairFile(path)
    order = [3, 0, 3, 1]
    batch = file.batch(order)
    for name in batch:
        np.testing.assert_array_equal(batch[name], np.stack([file.sample(i)[name] for i in order]))
        assert batch[name].flags.c_contiguous


def test_a_repeated_write_replaces_and_leaves_no_parts(path, data):
    write_pairs(path, **{**data, "pairs": data["pairs"][:1]})
    assert len(PairFile(path)) == 1
    assert [p.name for p in path.parent.iterdir()] == ["p.h5"]


def test_a_failed_write_leaves_the_old_file(path, data, monkeypatch):
    monkeypatch.setattr(h5py.File, "create_dataset", lambda *a, **k: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        write_pairs(path, **data)
    monkeypatch.undo()
    assert len(PairFile(path)) == 4
    assert [p.name for p in path.parent.iterdir()] == ["p.h5"]


def test_a_place_that_cannot_be_written_is_named(tmp_path, data):
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match=r"file/p.h5: cannot be written"):
        write_pairs(tmp_path / "file" / "p.h5", **data)


def change(path, name, value=None, at=None):
    with h5py.File(path, "r+") as f:
        if at is not None:
            f[name][at] = value
            return
        del f[name]
        if value is not None:
            f[name] = value


@pytest.mark.parametrize("name, value, message", [
    ("intrinsics", None, "no dataset 'intrinsics' in this file; a pair file has 'color', 'intrinsics'"),
    ("depth", np.zeros((3, 4, 6), "f4"), r"dataset 'depth' is \(3, 4, 6\), expected \(3, 4, 5\)"),
    ("intrinsics", np.zeros((2, 4)), r"dataset 'intrinsics' is \(2, 4\), expected \(3, 4\)"),
    ("pairs", np.zeros((4, 3), "i4"), r"dataset 'pairs' is \(4, 3\), expected \(4, 2\)"),
    ("color", np.zeros((3, 4, 5, 3), "f4"), "dataset 'color' holds float32, expected uint8"),
])
def test_a_wrong_layout_is_refused_when_opened(path, name, value, message):
    change(path, name, value)
    with pytest.raises(DataError, match=message):
        PairFile(path)


def test_a_group_in_the_place_of_a_dataset_is_refused(path):
    with h5py.File(path, "r+") as f:
        del f["color"]
        f.create_group("color")
    with pytest.raises(DataError, match="p.h5: 'color' is a group, expected a dataset; is this a pair file"):
        PairFile(path)


def test_missing_truncated_and_foreign_files_are_refused(path, tmp_path):
    with pytest.raises(DataError, match="nothing.h5: no such pair file"):
        PairFile(tmp_path / "nothing.h5")
    path.write_bytes(path.read_bytes()[:-300])
    with pytest.raises(DataError, match="p.h5: not a pair file, or cut short"):
        PairFile(path)
    path.write_text("hello")
    with pytest.raises(DataError, match="p.h5: not a pair file"):
        PairFile(path)


@pytest.mark.parametrize("name, at, value, message", [
    ("color", (1, 2, 3, 0), 7, "pair 0: frame 1 is corrupt: its checksum"),
    ("depth", (1, 0, 0), 99, "pair 0: frame 1 is corrupt: its checksum"),
    ("pose_c2w", (1, 0, 3), np.nan, "pair 0: frame 1 is corrupt: its checksum"),
    ("pairs", (0, 1), 3, "pair 0: names frame 3, the file has frames 0 to 2"),
    ("pairs", (0, 1), -1, "pair 0: names frame -1, the file has frames 0 to 2"),
])
def test_a_corrupt_record_is_named_and_the_others_can_be_read(path, place, name, at, value, message):
    change(path, name, value, at)
    file = PairFile(path)
    for read in (file.check, lambda: file.sample(0), lambda: file.batch([2, 0])):
        with pytest.raises(DataError, match=f"p.h5: {message}"):
            read()
    assert file.problem(0) and file.problem(2) is None
    assert file.sample(2)["src"].shape == (3, 4, 5)


@pytest.mark.parametrize("name, value, message", [
    ("pose_c2w", np.nan, "frame 0 has a non-finite number in 'pose_c2w'"),
    ("depth", np.inf, "frame 0 has a non-finite number in 'depth'"),
    ("pose_c2w", 0, "frame 0 has a 'pose_c2w' that is no rigid motion"),
])
def test_bad_numbers_with_a_good_checksum_are_named(tmp_path, data, name, value, message):
    data[name][0] = value
    write_pairs(tmp_path / "p.h5", **data)
    with pytest.raises(DataError, match=message):
        PairFile(tmp_path / "p.h5").sample(0)


def test_a_pair_outside_the_file_is_refused(path):
    with pytest.raises(DataError, match="pairs 0 to 4 were asked for; it has 4"):
        PairFile(path).batch([0, 4])


def test_writing_disagreeing_arrays_is_refused(tmp_path, data):
    data["depth"] = data["depth"][:2]
    with pytest.raises(DataError, match=r"dataset 'depth' is \(2, 4, 5\), expected \(3, 4, 5\)"):
        write_pairs(tmp_path / "p.h5", **data)
    assert not list(tmp_path.iterdir())


@pytest.fixture
def stereo(data):
    rng = np.random.default_rng(1)
    return {**data, "right": rng.integers(256, size=(3, 4, 5, 3), dtype=np.uint8), "baseline": [0.1, 0.2, 0.3],
            "sequence": np.array([4, 4, 2])}


def test_optional_datasets_come_back(tmp_path, stereo, place):
    write_pairs(tmp_path / "p.h5", **stereo)
    file = PairFile(tmp_path / "p.h5")
    file.check()
    assert set(file.names) == set(stereo)
    frame = file.frame(1)
    for name in ("right", "baseline", "sequence", "depth"):
        np.testing.assert_array_equal(frame[name], stereo[name][1])
    np.testing.assert_array_equal(file.images("right", [2, 0])[0], stereo["right"][2, :, :, ::-1].transpose(2, 0, 1))
    np.testing.assert_array_equal(file.gather("baseline", [2, 0, 2]), [0.3, 0.1, 0.3])
    np.testing.assert_array_equal(file.runs(), [0, 0, 1])


def test_pictures_and_intrinsics_are_enough(tmp_path, data):
    write_pairs(tmp_path / "p.h5", color=data["color"], intrinsics=data["intrinsics"], depth=None)
    file = PairFile(tmp_path / "p.h5")
    file.check()
    assert (file.names, len(file), file.frames) == (("color", "intrinsics"), 0, 3)
    np.testing.assert_array_equal(file.runs(), [0, 1, 2])
    with pytest.raises(DataError, match="p.h5: holds no 'pairs', only 'color', 'intrinsics'; expected 'pairs', 'depth'"):
        file.batch([0])


@pytest.mark.parametrize("name", ["right", "baseline", "sequence"])
def test_the_checksum_covers_what_is_there(tmp_path, stereo, place, name):
    write_pairs(tmp_path / "p.h5", **stereo)
    change(tmp_path / "p.h5", name, 9, at=2)
    with pytest.raises(DataError, match="p.h5: pair 2: frame 2 is corrupt: its checksum"):
        PairFile(tmp_path / "p.h5").check()
    with pytest.raises(DataError, match="p.h5: frame 2 is corrupt: its checksum"):
        PairFile(tmp_path / "p.h5").check_frames([0, 2])


def test_optional_datasets_have_a_layout_too(tmp_path, stereo):
    with pytest.raises(DataError, match=r"dataset 'right' is \(3, 4, 4, 3\), expected \(3, 4, 5, 3\)"):
        write_pairs(tmp_path / "p.h5", **{**stereo, "right": stereo["right"][:, :, :4]})
    with pytest.raises(DataError, match=r"dataset 'baseline' is \(2,\), expected \(3\)"):
        write_pairs(tmp_path / "p.h5", **{**stereo, "baseline": [1, 2]})
