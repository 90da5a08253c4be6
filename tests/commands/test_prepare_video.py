"""prepare_data video: a user's own pictures, made up and of a KITTI clip."""

from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.datasets.pairs import PairFile
from pycaffe_geo.datasets.rooms import World
from pycaffe_geo.datasets.rooms_sequences import render_runs

Image = pytest.importorskip("PIL.Image")
CLIP = Path(__file__).parents[3] / "shared" / "data" / "clip_kitti_raw" / "kitti_0"


def test_a_folder_of_frames_one_of_which_is_repeated(tool, tmp_path):
    color = render_runs(World(width=40, height=32, samples=1), "train", 1, 5)["color"]
    (tmp_path / "clip").mkdir()
    for name, picture in zip((8, 9, 10, 11, 12, 13), color[[0, 1, 1, 2, 3, 4]]):
        Image.fromarray(picture).save(tmp_path / "clip" / f"{name}.png")
    words = "prepare_data", "video", tmp_path / "clip", "--fov", 90, "--out", tmp_path / "a.h5"
    code, out, _ = tool(*words, "--breaks", "12")
    assert code == 0 and "5 of 6 pictures are taken, the others are not named or show no motion" in out
    assert "fx 20, fy 20, cx 19.5, cy 15.5 pixels; 90.0 degrees wide" in out
    file = PairFile(tmp_path / "a.h5")
    assert file.names == ("color", "intrinsics", "sequence") and file.runs().tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_array_equal(file.arrays()["color"], color)
    assert tool(*words, "--still", "0", "--step", 2)[0] == 0
    assert PairFile(tmp_path / "a.h5").frames == 3


@pytest.mark.parametrize("words, message", [
    ([], "one of the arguments --intrinsics --fov is required"),
    (["--fov", "60", "--intrinsics", "1,1,1,1"], "not allowed with"),
    (["--fov", "60", "--still", "-1"], "expected a number above 0"),
    (["--fov", "60"], "no such folder"),
])
def test_mistakes(tool, tmp_path, words, message):
    code, _, err = tool("prepare_data", "video", tmp_path / "clip", *words, "--out", tmp_path / "a.h5")
    assert code == 1 and err.count("\n") == 1 and message in err


@pytest.mark.skipif(not CLIP.is_dir(), reason="../shared/data/clip_kitti_raw is not here")
def test_a_clip_of_kitti_in_its_order_of_time(tool, tmp_path):
    camera = ",".join(map(str, np.loadtxt(CLIP / "intrinsics.txt")))
    (tmp_path / "order.txt").write_text("001\n002\n000\n003\n004\n", encoding="utf-8")
    code, out, _ = tool("prepare_data", "video", CLIP, "--intrinsics", camera, "--order", tmp_path / "order.txt",
                        "--size", "272x48", "--out", tmp_path / "a.h5")
    assert code == 0 and "5 of 5 pictures are taken" in out and "kitti_0: 5 frames, '001' to '004'" in out
    color = PairFile(tmp_path / "a.h5").arrays()["color"].astype(float)
    steps = [abs(a - b).mean() for a, b in zip(color, color[1:])]
    assert sum(steps) < sum(abs(color[i] - color[j]).mean() for i, j in ((0, 1), (1, 2), (2, 3), (3, 4), (2, 0)))
