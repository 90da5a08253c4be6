"""Two folders of stereo pairs, in the order of their names."""

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.stereo import read_stereo
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")
CAMERA = (10, 12, 2.5, 1.5)


@pytest.fixture
def folder(tmp_path):
    for k, name in enumerate(("left", "right")):
        (tmp_path / name).mkdir()
        for i in (1, 2, 10):
            Image.fromarray(np.full((4, 6, 3), 100 * k + i, np.uint8)).save(tmp_path / name / f"{i}.png")
    return tmp_path


def test_pictures_go_together_by_name(folder):
    recording = read_stereo(folder / "left", folder / "right", CAMERA, 0.3)
    assert recording.names == ("1", "2", "10") and recording.source == "left and right"
    frames = load_frames(recording, size=(3, 2))
    np.testing.assert_array_equal(frames.color[:, 0, 0, 0], [1, 2, 10])
    np.testing.assert_array_equal(frames.right[:, 0, 0, 0], [101, 102, 110])
    np.testing.assert_array_equal(frames.baseline, [0.3] * 3)
    np.testing.assert_array_equal(frames.intrinsics[0], [5, 6, 1, 0.5])
    assert frames.sequence.tolist() == [0, 1, 2]
    assert load_frames(read_stereo(folder / "left", folder / "right", CAMERA, 0.3, True)).sequence.tolist() == [0, 0, 0]


@pytest.mark.parametrize("damage, message", [
    (lambda f: (f / "right" / "2.png").unlink(), "left: holds 3 pictures, .*right 2; expected one of each per pair"),
    (lambda f: (f / "right" / "2.png").rename(f / "right" / "3.png"),
     "left/2.png: would go with .*right/3.png; expected the same names in both folders, or none in common"),
    (lambda f: (f / "right").rename(f / "z"), "right: no such folder"),
    (lambda f: [p.unlink() for p in (f / "left").iterdir()], "left: holds no picture"),
    (lambda f: Image.new("RGB", (5, 4)).save(f / "right" / "2.png"),
     "2.png: the right picture is 5x4, its colour picture 2.png is 6x4; expected a rectified pair"),
])
def test_damage_is_named_by_place(folder, damage, message):
    damage(folder)
    with pytest.raises(DataError, match=message):
        load_frames(read_stereo(folder / "left", folder / "right", CAMERA, 0.3))


def test_names_that_have_nothing_in_common_go_together_by_order(folder):
    for path in (folder / "right").iterdir():
        path.rename(path.with_name(f"right_{path.name}"))
    frames = load_frames(read_stereo(folder / "left", folder / "right", CAMERA, 0.3))
    np.testing.assert_array_equal(frames.right[:, 0, 0, 0], [101, 102, 110])
