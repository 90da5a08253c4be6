"""prepare_data on benchmarks' layouts, written from the procedural rooms, whose motion and stereo can be tried by warping."""

import h5py
import numpy as np
import pytest

from pycaffe_geo.datasets.pairs import PairFile
from pycaffe_geo.datasets.rooms import World
from pycaffe_geo.datasets.rooms_sequences import render_runs

Image = pytest.importorskip("PIL.Image")
BASELINE = 0.15


@pytest.fixture(scope="module")
def runs():
    """Six stereo frames of two runs, 80x64."""
    return render_runs(World(width=80, height=64, samples=2), "train", 2, 3, BASELINE)


def save(path, picture):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def save_depth(path, depth, scale):
    save(path, np.rint(depth * scale).astype(np.uint16))


def projection(intrinsics, shift):
    fx, fy, cx, cy = intrinsics
    return np.array([fx, 0, cx, fx * shift, 0, fy, cy, 0, 0, 0, 1, 0])


def line(key, numbers):
    return f"{key}: {' '.join(map(repr, np.ravel(numbers).tolist()))}\n"


def test_kitti_odometry(tool, runs, tmp_path):
    for run, name in enumerate(("00", "01")):
        folder, frames = tmp_path / "sequences" / name, range(3 * run, 3 * run + 3)
        for i, frame in enumerate(frames):
            save(folder / "image_2" / f"{i:06}.png", runs["color"][frame])
            save(folder / "image_3" / f"{i:06}.png", runs["right"][frame])
        shifts = {"P0": 0, "P1": -BASELINE, "P2": 0.06, "P3": 0.06 - BASELINE}
        text = "".join(line(key, projection(runs["intrinsics"][0], shift)) for key, shift in shifts.items())
        (folder / "calib.txt").write_text(text, encoding="utf-8")
        camera_0 = np.eye(4)
        camera_0[0, 3] = 0.06  # where camera 0 is, seen from camera 2
        (tmp_path / "poses").mkdir(exist_ok=True)
        np.savetxt(tmp_path / "poses" / f"{name}.txt", (runs["pose_c2w"][list(frames)] @ camera_0)[:, :3].reshape(-1, 12))
    code, out, _ = tool("prepare_data", "kitti_odometry", tmp_path, "--out", tmp_path / "a.h5")
    assert code == 0 and "KITTI odometry 00, 01: 6 frames, '00/000000' to '01/000002'" in out and "6 stereo pairs" in out
    file = PairFile(tmp_path / "a.h5")
    assert file.names == ("color", "pose_c2w", "intrinsics", "right", "baseline", "sequence")
    assert file.runs().tolist() == [0, 0, 0, 1, 1, 1]
    for name in ("color", "right", "pose_c2w", "intrinsics", "baseline"):
        np.testing.assert_allclose(file.arrays()[name], runs[name], atol=1e-9)


def test_nyu(tool, runs, tmp_path):
    savemat = pytest.importorskip("scipy.io").savemat
    with h5py.File(tmp_path / "nyu.mat", "w") as file:
        file["images"], file["depths"] = runs["color"].transpose(0, 3, 2, 1), runs["depth"].transpose(0, 2, 1)
    savemat(tmp_path / "splits.mat", {"trainNdxs": [[2], [3]], "testNdxs": [[1]]})
    camera = ",".join(map(str, runs["intrinsics"][0]))
    words = "prepare_data", "nyu", tmp_path / "nyu.mat", "--intrinsics", camera, "--out", tmp_path / "a.h5"
    code, out, _ = tool(*words, "--split", "train", "--border", 8, "--size", "32x24")
    assert code == 0 and "NYU Depth v2: 2 frames, '0002' to '0003'" in out and "2 frames of 32x24 in 2 sequences; " in out
    np.testing.assert_array_equal(PairFile(tmp_path / "a.h5").gather("intrinsics", [0])[0, :2], runs["intrinsics"][0, :2] / 2)
    (tmp_path / "numbers.txt").write_text("6\n", encoding="utf-8")
    assert tool(*words, "--frames", tmp_path / "numbers.txt")[0] == 0
    file = PairFile(tmp_path / "a.h5")
    assert file.names == ("color", "depth", "intrinsics", "sequence")
    np.testing.assert_allclose(file.frame(0)["depth"], runs["depth"][5], rtol=1e-6)
    code, _, err = tool(*words, "--split", "train", "--splits", tmp_path / "none.mat")
    assert code == 1 and "none.mat: cannot be read" in err
