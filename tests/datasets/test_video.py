"""A user's own frames: order, camera, and pictures without motion."""

from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.video import read_video
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")
CAMERA = (10, 12, 2.5, 1.5)


@pytest.fixture
def folder(tmp_path):
    """Pictures 1, 2, 9 and 10 of values that are their squares."""
    (tmp_path / "clip").mkdir()
    for i in (1, 2, 9, 10):
        Image.fromarray(np.full((4, 6, 3), i * i, np.uint8)).save(tmp_path / "clip" / f"f{i}.png")
    return tmp_path / "clip"


def test_frames_in_the_order_of_their_numbers(folder):
    frames = load_frames(read_video(folder, CAMERA), size=(3, 2))
    assert frames.source == "clip" and frames.names == ("f1", "f2", "f9", "f10")
    np.testing.assert_array_equal(frames.color[:, 0, 0, 0], [1, 4, 81, 100])
    np.testing.assert_array_equal(frames.intrinsics[0], [5, 6, 1, 0.5])
    assert frames.sequence.tolist() == [0] * 4 and frames.depth is None and frames.pose_c2w is None


def test_a_list_tells_the_order(folder):
    (folder.parent / "order.txt").write_text("f9\n\nf1.png\n", encoding="utf-8")
    assert read_video(folder, CAMERA, order=folder.parent / "order.txt").names == ("f9", "f1")


def test_the_width_of_view_gives_the_camera(folder):
    fx, fy, cx, cy = read_video(folder, fov=90).intrinsics
    assert fx == fy == pytest.approx(3) and (cx, cy) == (2.5, 1.5)


def test_pictures_without_motion_are_left_out(folder):
    assert read_video(folder, CAMERA, still=3).names == ("f1", "f2", "f9", "f10")
    assert read_video(folder, CAMERA, still=4).names == ("f1", "f9", "f10")
    assert read_video(folder, CAMERA, still=90).names == ("f1", "f10")  # 9 is compared with the last one kept


@pytest.mark.parametrize("words, message", [
    ({}, r"clip: the camera is not known, expected --intrinsics fx,fy,cx,cy, or .* --fov"),
    ({"fov": 180}, "--fov is 180 degrees, expected 1 to 179"),
    ({"intrinsics": (0, 1, 2, 3)}, "--intrinsics: intrinsics are .* fx and fy not 0"),
    ({"fov": 60, "order": "missing.txt"}, "missing.txt: cannot be read as text"),
    ({"fov": 60, "order": "wrong.txt"}, r"wrong.txt:2: no picture 'f11' in .*clip, did you mean 'f1.*'\?"),
    ({"fov": 60, "order": "empty.txt"}, "empty.txt: names no picture"),
])
def test_mistakes_are_named(folder, words, message, monkeypatch):
    monkeypatch.chdir(folder.parent)
    Path("wrong.txt").write_text("f1\nf11\n", encoding="utf-8")
    Path("empty.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_video(folder, **words)


def test_one_camera_has_one_size(folder):
    Image.new("RGB", (5, 4)).save(folder / "f2.png")
    with pytest.raises(DataError, match="frame 'f2' is 5x4, the first one is 6x4"):
        load_frames(read_video(folder, CAMERA, still=1))
