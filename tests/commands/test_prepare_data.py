import shlex
from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.cli import command_parser, main
from pycaffe_geo.commands._prepare._recording import positions, ranges
from pycaffe_geo.commands.prepare_data import kinds
from pycaffe_geo.datasets.pairs import PairFile
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.datasets.rooms_sequences import render_runs
from pycaffe_geo.errors import DataError

KITTI = Path(__file__).parents[3] / "shared" / "data" / "stereo_kitti_half"
LIVINGROOM = Path(__file__).parents[3] / "shared" / "data" / "rgbd_livingroom"
WORLD = World(width=40, height=32, fx=24, rotation_deg=6, samples=2)


@pytest.fixture(scope="module")
def rooms():
    return render_pairs(WORLD, "train", 3)


def write_sequence(folder, data, poses, names, depth_scale):
    from PIL import Image

    for name in names:
        (folder / name).mkdir(parents=True)
    for i, (color, depth) in enumerate(zip(data["color"], data["depth"])):
        Image.fromarray(color).save(folder / names[0] / f"{i:03}.png")
        Image.fromarray(np.rint(depth * depth_scale).astype(np.uint16)).save(folder / names[1] / f"{i:03}.png")
    np.savetxt(folder / "poses_c2w.txt", poses.reshape(-1, 16))


@pytest.fixture
def folder(tmp_path, rooms):
    """12 frames in 3 groups of 4, in the layout that `folder` reads."""
    write_sequence(tmp_path / "seq", rooms, rooms["pose_c2w"], ("color", "depth"), 1000)
    np.savetxt(tmp_path / "seq" / "K.txt", WORLD.intrinsics[None])
    return tmp_path / "seq"


def test_a_folder_becomes_pairs_that_no_break_is_within(tool, folder, rooms, tmp_path):
    code, out, _ = tool("prepare_data", "folder", folder, "--gaps", "1,2", "--breaks", "004,8", "--out", tmp_path / "a.h5")
    assert code == 0
    assert "seq: 12 frames, '000' to '011'" in out and "fx 24, fy 24, cx 19.5, cy 15.5" in out
    assert "unwarped -> " in out and "in the wrong direction" in out and "rotation, degrees" in out
    assert f"{tmp_path / 'a.h5'}: written: 12 frames of 40x32 in 3 sequences, 30 pairs; color, depth" in out
    file = PairFile(tmp_path / "a.h5")
    assert len(file) == 30 and (file.pairs[:, 0] // 4 == file.pairs[:, 1] // 4).all()
    np.testing.assert_array_equal(file.frame(5)["color"], rooms["color"][5])
    np.testing.assert_allclose(file.frame(5)["depth"], rooms["depth"][5], atol=6e-4)


def test_held_out_pairs_go_to_their_own_file(tool, folder, tmp_path):
    files = "--out", tmp_path / "a.h5", "--test-out", tmp_path / "b.h5"
    code, out, _ = tool("prepare_data", "folder", folder, "--breaks", "4,8", "--hold-out", 3, "--size", "20x16", *files)
    assert code == 0 and "18 pairs: 12 for training, 4 held out (within the last 3 frames), 2 across dropped" in out
    train, test = (PairFile(path) for path in files[1::2])
    assert (train.frames, test.frames) == (9, 3) and train.runs().tolist() == [0] * 4 + [1] * 4 + [2]
    assert not any((a == b).all() for a in train.arrays()["pose_c2w"] for b in test.arrays()["pose_c2w"])
    np.testing.assert_allclose(train.frame(0)["intrinsics"], [12, 12, 9.5, 7.5])


@pytest.mark.parametrize("change, cause", [
    (np.linalg.inv, "the poses are world to camera: invert them"),
    (lambda p: p @ np.diag([1.0, -1, -1, 1]), "the poses have y up and z backwards"),
])
def test_a_wrong_convention_is_refused_by_name_and_nothing_written(tool, folder, rooms, tmp_path, change, cause):
    np.savetxt(folder / "poses_c2w.txt", change(rooms["pose_c2w"]).reshape(-1, 16))
    code, _, err = tool("prepare_data", "folder", folder, "--gaps", "1,2", "--breaks", "4,8", "--out", tmp_path / "a.h5")
    assert code == 1 and err.count("\n") == 1 and err.startswith("error: seq: warping by the stated") and cause in err
    assert not (tmp_path / "a.h5").exists()


def test_depth_scale_and_intrinsics_are_as_stated(tool, folder, tmp_path):
    words = "prepare_data", "folder", folder, "--gaps", "1,2", "--breaks", "4,8", "--out", tmp_path / "a.h5"
    code, _, err = tool(*words, "--depth-scale", 5000)
    assert code == 1 and "the depth is 5 times too small" in err
    code, _, err = tool(*words, "--intrinsics=24,-24,19.5,15.5")
    assert code == 1 and "fy has the wrong sign" in err


def test_a_tum_sequence(tool, rooms, tmp_path):
    rotation = pytest.importorskip("scipy.spatial.transform").Rotation
    folder = tmp_path / "freiburg1_test"
    first = {name: rooms[name][:4] for name in ("color", "depth", "pose_c2w")}
    write_sequence(folder, first, first["pose_c2w"], ("rgb", "depth"), 5000)
    for name, kind in (("rgb", "rgb"), ("depth", "depth")):
        (folder / f"{name}.txt").write_text("".join(f"{i} {kind}/{i:03}.png\n" for i in range(4)), encoding="utf-8")
    rows = [[i, *pose[:3, 3], *rotation.from_matrix(pose[:3, :3]).as_quat()] for i, pose in enumerate(first["pose_c2w"])]
    np.savetxt(folder / "groundtruth.txt", rows)
    words = "prepare_data", "tum", folder, "--intrinsics", "24,24,19.5,15.5", "--gaps", "1,2,3", "--out", tmp_path / "a.h5"
    code, out, _ = tool(*words)
    assert code == 0 and "freiburg1_test: 4 frames" in out and ", 12 pairs; " in out
    assert tool(*words, "--step", 2)[0] == 0
    np.testing.assert_allclose(PairFile(tmp_path / "a.h5").frame(1)["pose_c2w"], first["pose_c2w"][2], atol=1e-9)
    code, _, err = tool("prepare_data", "tum", folder, "--camera", "fr9", "--out", tmp_path / "a.h5")
    assert code == 1 and "camera 'fr9' is not known" in err


def test_rooms_take_the_parameters_of_the_world(tool, tmp_path):
    words = "prepare_data", "rooms", "--size", "24x20", "--set", "clusters=2", "--set", "rotation_deg=7", "--out"
    code, out, _ = tool(*words, tmp_path / "a.h5", "--intrinsics", "14,15,11,9", "--set", "split=test")
    assert code == 0 and "camera at 24x20: fx 14, fy 15, cx 11, cy 9" in out and ", 24 pairs; " in out
    expected = render_pairs(World(24, 20, fx=14, fy=15, cx=11, cy=9, rotation_deg=7), "test", 2)
    np.testing.assert_array_equal(PairFile(tmp_path / "a.h5").arrays()["color"], expected["color"])
    code, _, err = tool(*words, tmp_path / "b.h5", "--set", "clusters=0")
    assert code == 1 and "world: clusters is 0, expected at least 1" in err
    code, _, err = tool(*words, tmp_path / "b.h5", "--set", "rotation=3")
    assert code == 1 and "unknown key 'rotation', did you mean 'rotation_deg'?" in err


@pytest.mark.parametrize("words, message", [
    (["--size", "40"], "expected WIDTHxHEIGHT in pixels"),
    (["--gaps", "1,0"], "expected a whole number of at least 1"),
    (["--gaps", ","], "got ',', expected a,b,..."),
    (["--depth-scale", "0"], "got '0', expected a number above 0"),
    (["--breaks", "12"], "--breaks: no frame '12'"),
    (["--hold-out", "3"], "--hold-out N and --test-out FILE go together"),
    (["--hold-out", "3", "--test-out", "a.h5"], "--test-out is the same file as --out"),
    (["--hold-out", "3", "--test-out", "./a.h5"], "--test-out is the same file as --out"),
    (["--hold-out", "1", "--test-out", "b.h5"], "--hold-out 1: there is no pair within the last 1 frames"),
    (["--hold-out", "11", "--test-out", "b.h5"], "--hold-out 11: there is no pair before the last 11 frames"),
    (["--hold-out", "12", "--test-out", "b.h5"], "--hold-out 12: there are 12 frames, expected some before the last ones"),
    (["--skip", "5:3"], "--skip: 5:3 ends before it begins"),
    (["--skip", "5:13"], "--skip: no frame '13'"),
    (["--skip", "0:11"], "no frame is left of 12"),
    (["--gaps", "12"], "no pairs; are the gaps longer than the sequence"),
    (["--set", "clusters=2"], "unknown option '--set', did you mean '--step'?; see `pycaffe-geo prepare_data folder --help`"),
    (["--camera", "fr1"], "unknown option '--camera'"),
])
def test_mistakes(tool, folder, words, message, monkeypatch):
    monkeypatch.chdir(folder)
    code, _, err = tool("prepare_data", "folder", ".", "--out", "a.h5", *words)
    assert code == 1 and err.count("\n") == 1 and message in err
    assert not (folder / "a.h5").exists()


def test_every_kind_has_its_help_whose_examples_parse(capsys):
    assert {"folder", "tum", "stereo", "rooms"} <= set(kinds())
    assert main(["prepare_data", "--help"]) == 0
    overview = " ".join(capsys.readouterr().out.split())
    for name, module in kinds().items():
        assert f" {name} {' '.join(module.__doc__.splitlines()[0].split())}" in overview
        assert main(["prepare_data", name, "--help"]) == 0
        text = capsys.readouterr().out
        assert f"tools/prepare_data.py {name} " in text and "--out FILE" in text
        for line in module.EXAMPLE.strip().splitlines():
            assert command_parser("prepare_data").parse_args(shlex.split(line)[1:]).kind == name


@pytest.mark.parametrize("words, message", [
    ([], "got '', expected one of '"),
    (["--tum", "x"], "did you mean 'tum'?"),
    (["room", "--out", "x.h5"], "did you mean 'rooms'?"),
    (["rooms", "--gaps", "1", "--out", "x.h5"], "unknown option '--gaps'"),
    (["tum", "--out", "x.h5"], "the following arguments are required: DIR"),
    (["tum", "x"], "the following arguments are required: --out"),
    (["tum", "x", "y", "--out", "x.h5"], "unknown argument 'y'"),
    (["stereo", "a", "b", "--intrinsics", "1,1,1,1", "--baseline", "-1", "--out", "x.h5"], "expected a number above 0"),
])
def test_kinds_and_their_options_are_checked(tool, words, message):
    code, _, err = tool("prepare_data", *words)
    assert code == 1 and err.count("\n") == 1 and message in err


def test_frames_are_left_out_by_step_and_skip(tool, folder, tmp_path):
    code, _, _ = tool("prepare_data", "folder", folder, "--step", 2, "--breaks", "4", "--skip", "7:8,10", "--gaps", "1",
                      "--out", tmp_path / "a.h5")
    file = PairFile(tmp_path / "a.h5")
    assert code == 0 and file.runs().tolist() == [0, 0, 1, 1]  # frames 0, 2 | 4, 6 ; 8 and 10 are left out


@pytest.fixture
def stereo(tmp_path):
    """Six stereo pairs of two runs, in the folders left/ and right/; returns their arrays."""
    from PIL import Image

    data = render_runs(World(width=80, height=64, samples=2), "train", 2, 3, 0.15)
    for name, stored in (("left", "color"), ("right", "right")):
        (tmp_path / name).mkdir()
        for i, picture in enumerate(data[stored]):
            Image.fromarray(picture).save(tmp_path / name / f"{i}.png")
    return data


def test_stereo_folders(tool, stereo, tmp_path):
    camera = ",".join(map(str, stereo["intrinsics"][0]))
    words = "--intrinsics", camera, "--baseline", 0.15, "--out", tmp_path / "a.h5"
    code, out, _ = tool("prepare_data", "stereo", tmp_path / "left", tmp_path / "right", *words)
    assert code == 0 and "left and right: 6 frames" in out and "6 stereo pairs, median disparity" in out
    file = PairFile(tmp_path / "a.h5")
    assert file.names == ("color", "intrinsics", "right", "baseline", "sequence") and file.runs().tolist() == list(range(6))
    frame = file.frame(4)
    np.testing.assert_array_equal(frame["color"], stereo["color"][4])
    np.testing.assert_array_equal(frame["right"], stereo["right"][4])
    np.testing.assert_allclose(frame["intrinsics"], stereo["intrinsics"][4])
    assert frame["baseline"] == 0.15
    (tmp_path / "a.h5").unlink()
    wrong = "stereo", tmp_path / "right", tmp_path / "left"
    code, _, err = tool("prepare_data", *wrong, *words)
    assert code == 1 and "left and right are swapped (wrongly named folders: --swap)" in err and not (tmp_path / "a.h5").exists()
    assert tool("prepare_data", *wrong, "--swap", "--continuous", "--breaks", "3", *words)[0] == 0
    file = PairFile(tmp_path / "a.h5")
    np.testing.assert_array_equal(file.frame(4)["color"], stereo["color"][4])
    assert file.runs().tolist() == [0, 0, 0, 1, 1, 1]


def test_sequences_of_rooms(tool, tmp_path):
    code, out, _ = tool("prepare_data", "rooms", "--sequences", "--size", "60x48", "--set", "runs=2", "--set", "length=3",
                        "--set", "baseline=0.2", "--set", "samples=2", "--out", tmp_path / "a.h5")
    assert code == 0 and "written: 6 frames of 60x48 in 2 sequences, 8 pairs; color, depth, pose_c2w, intrinsics, right" in out
    assert "the stated motion, tried on 8 pairs" in out and "left and right, tried on 6 stereo pairs" in out


def test_frames_are_told_by_name_or_by_number():
    names = ("00096", "00100", "1.5")
    assert positions("--breaks", ["00100", "96", "1.5"], names) == [1, 0, 2]
    assert ranges(["96:1.5", "100"], names) == [(0, 2), (1, 1)]
    with pytest.raises(DataError, match="no frame '00101', did you mean '00100'.* 3 frames, '00096' to '1.5'"):
        positions("--breaks", ["00101"], names)
    assert positions("--breaks", ["1"], ("01", "1")) == [1]


@pytest.mark.skipif(not LIVINGROOM.is_dir(), reason="../shared/data/rgbd_livingroom is not here")
def test_the_living_room_and_its_poses_inverted(tool, tmp_path):
    def words(folder):
        return ("prepare_data", "folder", folder, "--size", "40x32", "--gaps", "1,2", "--breaks", "100", "--hold-out", 8,
                "--out", tmp_path / "train.h5", "--test-out", tmp_path / "test.h5")

    code, out, _ = tool(*words(LIVINGROOM))
    assert code == 0 and "fx 32.8125, fy 35, cx 19.5, cy 15.5" in out
    assert "40x32 in 2 sequences, 108 pairs" in out and "40x32 in 1 sequence, 26 pairs" in out
    wrong = tmp_path / "wrong"
    wrong.mkdir()
    for name in ("color", "depth", "K.txt"):
        (wrong / name).symlink_to((LIVINGROOM / name).resolve())
    poses = np.loadtxt(LIVINGROOM / "poses_c2w.txt").reshape(-1, 4, 4)
    np.savetxt(wrong / "poses_c2w.txt", np.linalg.inv(poses).reshape(-1, 16))
    code, _, err = tool(*words(wrong))
    assert code == 1 and "the poses are world to camera: invert them" in err


@pytest.mark.skipif(not KITTI.is_dir(), reason="../shared/data/stereo_kitti_half is not here")
def test_the_kitti_folders_are_found_to_be_swapped(tool, tmp_path):
    words = ("prepare_data", "stereo", KITTI / "left", KITTI / "right", "--intrinsics", "360.8,360.8,304.6,86.2",
             "--baseline", 0.54, "--size", "310x94", "--out", tmp_path / "a.h5")
    code, _, err = tool(*words)
    assert code == 1 and "left and right are swapped (wrongly named folders: --swap)" in err
    code, out, _ = tool(*words, "--swap")
    assert code == 0 and "10 frames, '1' to '10'" in out and "8 stereo pairs" in out
    assert PairFile(tmp_path / "a.h5").frame(0)["right"].shape == (94, 310, 3)
