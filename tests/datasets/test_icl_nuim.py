"""ICL-NUIM: the layout, the negative fy, poses by index, and refusals."""

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.icl_nuim import read_icl_nuim
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path):
    """Pictures 0 to 4 without 3; poses of 1 to 4, the camera turned about z by 90 degrees."""
    for name in ("rgb", "depth"):
        (tmp_path / name).mkdir()
    for i in (0, 1, 2, 4):
        Image.fromarray(np.full((4, 6, 3), i, np.uint8)).save(tmp_path / "rgb" / f"{i}.png")
        Image.fromarray(np.full((4, 6), 5000 + i, np.uint16)).save(tmp_path / "depth" / f"{i}.png")
    text = "".join(f"{i} depth/{i}.png {i} rgb/{i}.png\n" for i in (0, 1, 2, 4))
    (tmp_path / "associations.txt").write_text(text, encoding="utf-8")
    text = "".join(f"{i} {i} 0.5 -2 0 0 0.70710678 0.70710678\n" for i in (1, 2, 3, 4))
    (tmp_path / "livingRoom2.gt.freiburg").write_text(text, encoding="utf-8")
    return tmp_path


def test_frames_have_the_poses_of_their_index(folder):
    frames = load_frames(read_icl_nuim(folder))
    assert frames.names == ("1", "2", "4") and frames.sequence.tolist() == [0, 0, 1]
    np.testing.assert_array_equal(frames.color[:, 0, 0, 0], [1, 2, 4])
    np.testing.assert_allclose(frames.depth[:, 0, 0], [1.0002, 1.0004, 1.0008], rtol=1e-6)
    np.testing.assert_array_equal(frames.pose_c2w[:, :3, 3], [[1, 0.5, -2], [2, 0.5, -2], [4, 0.5, -2]])
    np.testing.assert_allclose(frames.pose_c2w[0, :3, :3], [[0, -1, 0], [1, 0, 0], [0, 0, 1]], atol=1e-7)
    np.testing.assert_array_equal(frames.intrinsics[0], [481.2, -480, 319.5, 239.5])


def test_resizing_keeps_the_sign_of_fy(folder):
    frames = load_frames(read_icl_nuim(folder, folder / "livingRoom2.gt.freiburg", (9, -8, 2.5, 1.5)), size=(3, 2))
    np.testing.assert_allclose(frames.intrinsics[0], [4.5, -4, 1, 0.5])


@pytest.mark.parametrize("damage, message", [
    (lambda f: f.rename(f.parent / "z"), ": no such folder"),
    (lambda f: (f / "livingRoom2.gt.freiburg").unlink(), r"holds none as \*.gt.freiburg, expected one; say which: --trajectory"),
    (lambda f: (f / "b.gt.freiburg").write_text(""), r"holds 'b.gt.freiburg', 'livingRoom2.gt.freiburg' as"),
    (lambda f: (f / "associations.txt").unlink(), "associations.txt: cannot be read as text"),
    (lambda f: (f / "associations.txt").write_text("# none\n"), "associations.txt: names no picture"),
    (lambda f: (f / "associations.txt").write_text("1 rgb/1.png 1 depth/1.png\n"), "associations.txt:1: '1 rgb/1.png .* expect"),
    (lambda f: (f / "associations.txt").write_text("1 depth/1.png 2 rgb/2.png\n"), "associations.txt:1: "),
    (lambda f: (f / "associations.txt").write_text("0 depth/0.png 0 rgb/0.png\n"), "no frame of associations.txt has a pose in"),
    (lambda f: (f / "livingRoom2.gt.freiburg").write_text("1 2 3\n"), "livingRoom2.gt.freiburg:1: 3 numbers, expected timestamp"),
    (lambda f: (f / "depth" / "2.png").unlink(), "depth/2.png: no such picture"),
])
def test_damage_is_named_by_place(folder, damage, message):
    damage(folder)
    with pytest.raises(DataError, match=message):
        load_frames(read_icl_nuim(folder))
