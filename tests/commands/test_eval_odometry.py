"""The tool on small trajectories of its own, and on the published ones where ../shared/data is beside the project."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.datasets.trajectory import read_kitti, read_tum_trajectory, write_kitti, write_tum
from pycaffe_geo.geometry import se3

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "trajectories" / "evo"
KEYS = ["ate_rmse", "scale", "rpe_trans_rmse", "rpe_rot_rmse_deg", "t_err_percent", "r_err_deg_per_100m"]


def line(frames, metres=1.0):
    """Return poses on a straight line along z, with a little height so that the rotation is determined."""
    poses = np.tile(np.eye(4), (frames, 1, 1))
    poses[:, 2, 3] = metres * np.arange(frames)
    poses[:, 1, 3] = 0.05 * metres * np.sin(np.arange(frames))
    return poses


@pytest.fixture
def files(tmp_path):
    """Write a truth of 150 frames, and an estimate of half its size in another world; the current world's are returned."""
    truth, world = line(150), se3.exp(np.array([[0.3, -0.2, 0.5, 1, 2, 3]]))[0]
    write_kitti(tmp_path / "gt.txt", truth)
    write_kitti(tmp_path / "est.txt", world @ line(150, 0.5))
    return tmp_path


@pytest.mark.parametrize("align, scale", [("sim3", 2), ("se3", 1), ("none", 1)])
def test_kitti_files(tool, files, align, scale):
    code, out, err = tool("eval_odometry", "--gt", files / "gt.txt", "--est", files / "est.txt", "--align", align,
                          "--json", files / "new" / "e.json")
    errors = json.loads((files / "new" / "e.json").read_text())
    assert (code, err) == (0, "") and list(errors) == KEYS
    assert errors["scale"] == pytest.approx(scale)
    assert errors["t_err_percent"] == pytest.approx(0 if scale == 2 else 50, abs=0.6 if scale == 1 else 1e-9)
    assert errors["ate_rmse"] < 1e-9 if scale == 2 else errors["ate_rmse"] > 10
    assert f"alignment: {align}, scale {scale}.000000" in out and "ATE, rmse, m" in out


def test_the_folder_of_results(tool, files, is_picture):
    code, out, _ = tool("eval_odometry", "--gt", files / "gt.txt", "--est", files / "est.txt", "--align", "sim3", "--delta", 3,
                        "--out", files / "run", "--snippets", "--json", files / "e.json")
    assert code == 0 and "RPE over 3 frames" in out and is_picture(files / "run" / "trajectory.png", 300)
    assert json.loads((files / "e.json").read_text())["ate_5_frame_mean"] == pytest.approx(0, abs=1e-9)
    np.testing.assert_allclose(read_kitti(files / "run" / "aligned.txt"), line(150), atol=1e-9)
    with open(files / "run" / "frames.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 150 and float(rows[2]["way_m"]) > 2 and float(rows[149]["ate_m"]) < 1e-9
    assert rows[146]["rpe_trans_m"] and not rows[147]["rpe_trans_m"]
    with open(files / "run" / "segments.csv", newline="") as file:
        assert {row["metres"] for row in csv.DictReader(file)} == {"100"}


def test_tum_files_are_matched_in_time(tool, tmp_path):
    poses = line(40)
    write_tum(tmp_path / "gt.txt", np.arange(40) / 10, poses)
    write_tum(tmp_path / "est.txt", np.arange(1, 50, 2) / 10 + 0.004, np.concatenate([poses[1::2], poses[:5]]))
    words = ["eval_odometry", "--gt", tmp_path / "gt.txt", "--est", tmp_path / "est.txt", "--format", "tum"]
    code, out, _ = tool(*words, "--json", tmp_path / "e.json", "--out", tmp_path / "run")
    assert code == 0 and "20 of 25 estimated frames have a ground truth within 0.01 s" in out and "too short" in out
    errors = json.loads((tmp_path / "e.json").read_text())
    assert errors["ate_rmse"] == pytest.approx(0, abs=1e-9) and errors["t_err_percent"] is None
    np.testing.assert_allclose(read_tum_trajectory(tmp_path / "run" / "aligned.txt")[0], np.arange(1, 40, 2) / 10 + 0.004)
    code, _, err = tool(*words, "--max-difference", 0.001)
    assert code == 1 and "no two time stamps are within 0.001 s" in err


def test_a_single_frame_is_too_short_for_all_but_one(tool, tmp_path):
    write_kitti(tmp_path / "a.txt", line(1))
    words = ["eval_odometry", "--gt", tmp_path / "a.txt", "--est", tmp_path / "a.txt", "--snippets"]
    code, out, err = tool(*words, "--json", tmp_path / "e.json", "--out", tmp_path / "run")
    assert (code, err) == (0, "")
    assert list(json.loads((tmp_path / "e.json").read_text()).values()) == [0, 1, None, None, None, None, None, None]


def test_mistakes(tool, files):
    write_kitti(files / "short.txt", line(9))
    code, _, err = tool("eval_odometry", "--gt", files / "gt.txt", "--est", files / "short.txt")
    assert code == 1 and "short.txt: has 9 poses, expected 150 as in" in err
    code, _, err = tool("eval_odometry", "--gt", files / "gt.txt", "--est", files / "est.txt", "--format", "tum")
    assert code == 1 and "gt.txt:1: 12 numbers, expected timestamp tx ty tz qx qy qz qw; is it a KITTI file?" in err


@pytest.mark.skipif(not REAL.is_dir(), reason="../shared/data/trajectories is not here")
@pytest.mark.parametrize("truth, estimate, layout, expected", [
    ("KITTI_00_gt.txt", "KITTI_00_ORB.txt", "kitti",
     {"ate_rmse": 1.3034497, "rpe_trans_rmse": 0.028120, "rpe_rot_rmse_deg": 0.114974}),
    ("fr2_desk_groundtruth.txt", "fr2_desk_ORB.txt", "tum", {"ate_rmse": 0.008119}),
])
def test_published_values(tool, tmp_path, truth, estimate, layout, expected):
    code, _, _ = tool("eval_odometry", "--gt", REAL / truth, "--est", REAL / estimate, "--format", layout, "--align", "se3",
                      "--json", tmp_path / "e.json")
    errors = json.loads((tmp_path / "e.json").read_text())
    assert code == 0 and {key: errors[key] for key in expected} == pytest.approx(expected, abs=1e-6, rel=0)
