"""The folder reader on a generated folder, its refusals, and the real living room."""

from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.datasets.folder import read_folder
from pycaffe_geo.datasets.frames import load_frames
from pycaffe_geo.datasets.verify import verify_pairs
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")
LIVINGROOM = Path(__file__).parents[2] / ".." / "shared" / "data" / "rgbd_livingroom"


@pytest.fixture
def folder(tmp_path):
    rng = np.random.default_rng(0)
    for name in ("color", "depth"):
        (tmp_path / name).mkdir()
    for i in range(3):
        Image.fromarray(rng.integers(256, size=(4, 6, 3), dtype=np.uint8)).save(tmp_path / "color" / f"{i}.png")
        Image.fromarray(np.full((4, 6), 1000 * (i + 1), np.uint16)).save(tmp_path / "depth" / f"{i}.png")
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 0, 3] = 0.1, 0.2, 0.3
    np.savetxt(tmp_path / "poses_c2w.txt", poses.reshape(3, 16), header="row-major")
    np.savetxt(tmp_path / "K.txt", [[10, 0, 2.5], [0, 12, 1.5], [0, 0, 1]])
    return tmp_path


def test_frames_keep_their_order_and_scale(folder):
    frames = load_frames(read_folder(folder))
    assert frames.names == ("0", "1", "2") and frames.color.shape == (3, 4, 6, 3)
    np.testing.assert_array_equal(frames.depth[:, 0, 0], [1, 2, 3])
    np.testing.assert_array_equal(frames.pose_c2w[:, 0, 3], [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(frames.intrinsics, [[10, 12, 2.5, 1.5]] * 3)
    np.testing.assert_array_equal(frames.color[1], np.asarray(Image.open(folder / "color" / "1.png")))


def test_resizing_scales_the_intrinsics(folder):
    frames = load_frames(read_folder(folder, intrinsics=[10, -12, 2, 1], depth_scale=500), size=(3, 2))
    assert frames.color.shape == (3, 2, 3, 3)
    np.testing.assert_array_equal(frames.depth[:, 0, 0], [2, 4, 6])
    np.testing.assert_array_equal(frames.intrinsics[0], [5, -6, 0.75, 0.25])


def rewrite_poses(folder, change):
    rows = (folder / "poses_c2w.txt").read_text().splitlines()
    (folder / "poses_c2w.txt").write_text("\n".join(change(rows)))


@pytest.mark.parametrize("damage, message", [
    (lambda f: (f / "color" / "1.png").unlink(), "2 colour pictures, 3 depth pictures and 3 rows of poses_c2w.txt"),
    (lambda f: rewrite_poses(f, lambda rows: rows[:-1]), "3 colour pictures, 3 depth pictures and 2 rows"),
    (lambda f: rewrite_poses(f, lambda rows: rows[:2] + ["1 0 0"]), "poses_c2w.txt:3: 3 numbers, expected 16"),
    (lambda f: rewrite_poses(f, lambda rows: rows[:3] + ["x " * 16]), "poses_c2w.txt:4: .*'x'; expected numbers"),
    (lambda f: rewrite_poses(f, lambda rows: rows[:3] + ["2 " + "0 " * 15]), "poses_c2w.txt: row 3: not a rigid pose"),
    (lambda f: (f / "poses_c2w.txt").unlink(), "poses_c2w.txt: cannot be read as text"),
    (lambda f: (f / "K.txt").write_text("# nothing"), "K.txt: holds no numbers"),
    (lambda f: (f / "K.txt").write_text("1 2\n3"), "K.txt: its rows differ in length"),
    (lambda f: (f / "K.txt").write_text("1 2 3"), "K.txt: intrinsics are .*expected fx fy cx cy"),
    (lambda f: Image.new("I;16", (5, 4)).save(f / "depth" / "2.png"),
     "depth/2.png: depth is 5x4, its colour picture 2.png is 6x4"),
    (lambda f: Image.new("L", (6, 4)).save(f / "depth" / "2.png"), "depth/2.png: depth is a picture of mode L"),
    (lambda f: (f / "color" / "0.png").write_bytes(b"no"), "color/0.png: cannot be read as a picture"),
    (lambda f: [Image.new(mode, (2, 2)).save(f / name / "2.png") for mode, name in (("RGB", "color"), ("I;16", "depth"))],
     "frame '2' is 2x2, the first one is 6x4; expected one camera and size"),
    (lambda f: (f / "depth" / "1.png").rename(f / "depth" / "3.png"),
     "color/1.png: would go with .*depth/2.png; expected the same names in both folders"),
    (lambda f: [p.unlink() for p in (f / "color").iterdir()], "color: holds no picture"),
    (lambda f: (f / "depth").rename(f / "z"), "depth: no such folder; expected color/ and depth/"),
])
def test_damage_is_named_by_place(folder, damage, message):
    damage(folder)
    with pytest.raises(DataError, match=message):
        load_frames(read_folder(folder))


def test_a_missing_folder_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere: no such folder"):
        read_folder(tmp_path / "nowhere")


@pytest.mark.skipif(not LIVINGROOM.is_dir(), reason="../shared/data/rgbd_livingroom is not here")
def test_the_living_room_reads_and_verifies():
    frames = load_frames(read_folder(LIVINGROOM), size=(80, 60), breaks=[25])
    assert len(frames) == 38 and frames.names[24:26] == ("00096", "00100")
    np.testing.assert_allclose(frames.intrinsics[0], [65.625, 65.625, 39.5, 29.5])
    report = verify_pairs(**{name: value for name, value in frames.as_file((1, 2)).items() if name != "sequence"})
    assert report.proved and report.ratios["as stated"] < 0.3
