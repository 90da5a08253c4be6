"""prepare_data on benchmarks' layouts, written from the procedural rooms, whose motion and stereo can be tried by warping."""

import h5py
import numpy as np
import pytest

from pycaffe_geo.datasets.pairs import PairFile
from pycaffe_geo.datasets.rooms import World
from pycaffe_geo.datasets.rooms_sequences import render_runs
from pycaffe_geo.datasets.trajectory import write_tum

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


def write_oxts(drive, pose_c2w):
    """Write packets of a unit that sits in the scanner, whose axes are forward, left and up of the camera, at the equator."""
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    (drive.parent / "calib_imu_to_velo.txt").write_text("R: 1 0 0 0 1 0 0 0 1\nT: 0 0 0\n", encoding="utf-8")
    (drive / "oxts" / "data").mkdir(parents=True)
    unit_to_camera = np.array([[0, -1, 0], [0, 0, -1], [1, 0, 0]])
    for i, pose in enumerate(pose_c2w):
        east, north, up = pose[:3, 3]
        roll, pitch, yaw = rotation.from_matrix(pose[:3, :3] @ unit_to_camera).as_euler("xyz")
        packet = [np.degrees(north / 6378137), np.degrees(east / 6378137), up, roll, pitch, yaw, *[0] * 24]
        np.savetxt(drive / "oxts" / "data" / f"{i:010}.txt", [packet], fmt="%.17g")


def test_kitti_raw(tool, runs, tmp_path):
    fx, fy, cx, cy = runs["intrinsics"][0]
    drive = tmp_path / "2011_09_26" / "2011_09_26_drive_0005_sync"
    v, u = np.mgrid[:64, :80]
    for i, depth in enumerate(runs["depth"]):
        save(drive / "image_02" / "data" / f"{i:010}.png", runs["color"][i])
        save(drive / "image_03" / "data" / f"{i:010}.png", runs["right"][i])
        points = np.stack([depth, -(u - cx) / fx * depth, -(v - cy) / fy * depth, depth], axis=-1)  # x forward, y left, z up
        (drive / "velodyne_points" / "data").mkdir(parents=True, exist_ok=True)
        points[::2, ::2].astype("<f4").tofile(drive / "velodyne_points" / "data" / f"{i:010}.bin")
    text = line("S_rect_02", [80, 64]) + line("R_rect_00", np.eye(3)) + "".join(
        line(f"P_rect_{key}", projection(runs["intrinsics"][0], shift)) for key, shift in (("02", 0.0), ("03", -BASELINE)))
    (drive.parent / "calib_cam_to_cam.txt").write_text(text, encoding="utf-8")
    (drive.parent / "calib_velo_to_cam.txt").write_text("R: 0 -1 0 0 0 -1 1 0 0\nT: 0 0 0\n", encoding="utf-8")
    (tmp_path / "static.txt").write_text("2011_09_26_drive_0005_sync 02 0000000002\n", encoding="utf-8")
    words = "prepare_data", "kitti_raw", tmp_path, "--out", tmp_path / "a.h5"
    code, out, _ = tool(*words, "--leave-out", tmp_path / "static.txt")
    assert code == 0 and "KITTI raw, 1 drives: 5 frames" in out and "5 stereo pairs" in out
    file = PairFile(tmp_path / "a.h5")
    assert file.names == ("color", "depth", "intrinsics", "right", "baseline", "sequence")
    assert file.runs().tolist() == [0, 0, 1, 1, 1]
    depth = file.frame(4)["depth"]
    np.testing.assert_allclose(depth[::2, ::2], runs["depth"][5, ::2, ::2], rtol=1e-5)
    assert np.count_nonzero(depth) == 32 * 40
    lines = [f"2011_09_26/2011_09_26_drive_0005_sync {i} l\n" for i in (4, 2, 3)]
    (tmp_path / "list.txt").write_text("".join(lines), encoding="utf-8")
    few = "--list", tmp_path / "list.txt", "--left-only", "--size", "40x32"
    assert tool(*words, *few)[0] == 0 and PairFile(tmp_path / "a.h5").runs().tolist() == [0, 1, 1]
    assert tool(*words, *few, "--sort", "--no-depth")[0] == 0 and PairFile(tmp_path / "a.h5").runs().tolist() == [0, 0, 0]
    write_oxts(drive, runs["pose_c2w"])
    code, out, _ = tool(*words, "--poses", "--breaks", "2011_09_26_drive_0005/0000000003", "--gaps", "1,2")
    assert code == 0 and "12 pairs; color, depth, pose_c2w" in out and "the stated motion, tried on 12 pairs" in out
    file = PairFile(tmp_path / "a.h5")
    found, expected = (np.linalg.inv(poses[0]) @ poses for poses in (file.arrays()["pose_c2w"], runs["pose_c2w"]))
    np.testing.assert_allclose(found, expected, atol=1e-4)
    code, _, err = tool(*words, "--drives", "2011_09_26_drive_0006_sync")
    assert code == 1 and "has no drive '2011_09_26_drive_0006', did you mean '2011_09_26_drive_0005'?" in err


def test_seven_scenes(tool, runs, tmp_path):
    for i in range(6):
        frame = tmp_path / f"seq-{i // 3 + 1:02}" / f"frame-{i % 3:06}"
        save(frame.with_name(f"{frame.name}.color.png"), runs["color"][i])
        save_depth(frame.with_name(f"{frame.name}.depth.png"), np.where(runs["depth"][i] > 3, 65.535, runs["depth"][i]), 1000)
        np.savetxt(frame.with_name(f"{frame.name}.pose.txt"), runs["pose_c2w"][i])
    (tmp_path / "TrainSplit.txt").write_text("sequence1\nsequence2\n", encoding="utf-8")
    camera = ",".join(map(str, runs["intrinsics"][0]))
    words = "prepare_data", "seven_scenes", tmp_path, "--intrinsics", camera, "--out", tmp_path / "a.h5"
    code, out, _ = tool(*words, "--split", "train")
    assert code == 0 and "written: 6 frames of 80x64 in 2 sequences, 8 pairs; color, depth, pose_c2w" in out
    depth = PairFile(tmp_path / "a.h5").frame(4)["depth"]
    np.testing.assert_allclose(depth, np.where(runs["depth"][4] > 3, 0, runs["depth"][4]), atol=6e-4)
    code, out, _ = tool(*words, "--sequences", "seq-02")
    assert code == 0 and "3 frames, 'seq-02/000000' to 'seq-02/000002'" in out


def test_icl_nuim_whose_y_axis_points_up(tool, runs, tmp_path):
    up = np.diag([1.0, -1, 1, 1])
    for i in range(6):
        save(tmp_path / "rgb" / f"{i}.png", runs["color"][i])
        save_depth(tmp_path / "depth" / f"{i}.png", runs["depth"][i], 5000)
    lines = [f"{i} depth/{i}.png {i} rgb/{i}.png\n" for i in range(6)]
    (tmp_path / "associations.txt").write_text("".join(lines), encoding="utf-8")
    write_tum(tmp_path / "livingRoom0.gt.freiburg", range(6), up @ runs["pose_c2w"] @ up)
    fx, fy, cx, cy = runs["intrinsics"][0]
    words = "prepare_data", "icl_nuim", tmp_path, "--breaks", "3", "--gaps", "1,2", "--out", tmp_path / "a.h5"
    code, out, _ = tool(*words, f"--intrinsics={fx},{-fy},{cx},{cy}")
    assert code == 0 and "written: 6 frames of 80x64 in 2 sequences, 12 pairs" in out
    np.testing.assert_allclose(PairFile(tmp_path / "a.h5").frame(0)["intrinsics"], [fx, -fy, cx, cy])
    code, _, err = tool(*words, f"--intrinsics={fx},{fy},{cx},{cy}")
    assert code == 1 and "it becomes" in err and "fy has the wrong sign" in err


def test_middlebury(tool, runs, tmp_path):
    fx, _, cx, cy = runs["intrinsics"][0]
    for i in (0, 3):
        scene = tmp_path / f"scene{i}"
        save(scene / "im0.png", runs["color"][i])
        save(scene / "im1.png", runs["right"][i])
        disparity = fx * BASELINE / runs["depth"][i]
        (scene / "disp0.pfm").write_bytes(b"Pf\n80 64\n-1\n" + disparity[::-1].astype("<f4").tobytes())
        text = f"cam0=[{fx} 0 {cx}; 0 {fx} {cy}; 0 0 1]\ndoffs=0\nbaseline={1000 * BASELINE}\n"
        (scene / "calib.txt").write_text(text, encoding="utf-8")
    words = "prepare_data", "middlebury", tmp_path / "scene0", tmp_path / "scene3", "--out", tmp_path / "a.h5"
    code, out, _ = tool(*words)
    assert code == 0 and "2 stereo pairs" in out and "written: 2 frames of 80x64 in 2 sequences; " in out
    frame = PairFile(tmp_path / "a.h5").frame(1)
    np.testing.assert_allclose(frame["depth"], runs["depth"][3], rtol=1e-5)
    np.testing.assert_array_equal(frame["right"], runs["right"][3])
    assert frame["baseline"] == pytest.approx(BASELINE)
    code, _, err = tool(*words, "--baseline", "0.1")
    assert code == 1 and "--intrinsics, --baseline and --offset go together: give all or none" in err
