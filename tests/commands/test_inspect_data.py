import h5py
import numpy as np
import pytest

from pycaffe_geo.datasets.pairs import PairFile, write_pairs
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.datasets.rooms_sequences import render_runs

NET = """
name: net
layers:
- name: pairs
  type: RGBDPairData
  top: [src, tgt]
  rgbd_pair_data_param: {source: pairs.h5, batch_size: 5, shuffle: true, mirror: true, mirror_vertical: true}
- {name: both, type: Concat, bottom: [src, tgt]}
- {name: other, type: RGBDPairData, top: x, rgbd_pair_data_param: {source: pairs.h5}, include: {phase: TEST}}
"""


@pytest.fixture(scope="module")
def rooms():
    return render_pairs(World(width=40, height=32, fx=24, rotation_deg=6, samples=2), "train", 2)


@pytest.fixture
def pairs(tmp_path, rooms):
    write_pairs(tmp_path / "pairs.h5", **rooms, source="two rooms")
    return tmp_path / "pairs.h5"


@pytest.fixture
def net(tmp_path, pairs):
    path = tmp_path / "net.yaml"
    path.write_text(NET, encoding="utf-8")
    return path


def errors(line):
    """The numbers unwarped, warped, wrong of a line "... 12.3 unwarped -> 3.4 warped (18.9 in the wrong direction)"."""
    words = line.split(": ")[1].replace("(", "").split()
    return float(words[0]), float(words[3]), float(words[5])


def test_a_file_is_told_and_drawn(tool, pairs, tmp_path, is_picture):
    code, out, _ = tool("inspect_data", "--source", pairs, "--n", 3, "--out", tmp_path / "new" / "panel.png")
    assert code == 0 and is_picture(tmp_path / "new" / "panel.png", least=600)
    assert "8 frames of 40x32, 24 pairs; color, depth, pose_c2w, intrinsics; every record is sound" in out
    assert "from: two rooms" in out
    assert "24 samples measured" in out and "0.00% of the pixels have none" in out
    assert len([line for line in out.splitlines() if line.startswith("pair ")]) == 3
    unwarped, warped, wrong = errors(next(line for line in out.splitlines() if line.startswith("mean colour error")))
    assert warped < 0.5 * unwarped < 0.5 * wrong


def test_samples_are_chosen_by_seed(tool, pairs):
    def chosen(*words):
        return [line for line in tool("inspect_data", "--source", pairs, *words)[1].splitlines() if line.startswith("pair ")]

    assert chosen() == chosen("--seed", 0) != chosen("--seed", 1)
    everything = chosen("--n", 99)
    file = PairFile(pairs)
    assert [line.split("  ")[0] for line in everything] == [f"pair {i}: frames {a}, {b}" for i, (a, b) in enumerate(file.pairs)]


def test_the_layer_of_a_net_with_its_flips(tool, net, tmp_path, is_picture):
    code, out, _ = tool("inspect_data", "--net", net, "--n", 7, "--out", tmp_path / "panel.png")
    assert code == 0 and is_picture(tmp_path / "panel.png", least=600)
    assert "batch 0, sample 4 " in out and "batch 1, sample 1 " in out and "batch 1, sample 2 " not in out
    unwarped, warped, _ = errors(next(line for line in out.splitlines() if line.startswith("mean colour error")))
    assert warped < 0.5 * unwarped
    assert tool("inspect_data", "--net", net, "--layer", "pairs", "--n", 7, "--out", tmp_path / "panel.png")[1] == out
    assert tool("inspect_data", "--net", net, "--phase", "TEST", "--layer", "other")[0] == 0


def test_data_that_cannot_be_right_is_drawn_and_refused(tool, tmp_path, rooms):
    path = tmp_path / "wrong.h5"
    write_pairs(path, **{**rooms, "pose_c2w": np.linalg.inv(rooms["pose_c2w"])})
    code, out, err = tool("inspect_data", "--source", path, "--out", tmp_path / "panel.png")
    assert code == 1 and "rotation about x" in out and (tmp_path / "panel.png").is_file()
    assert err.startswith("error: ") and "the poses are world to camera: invert them" in err


def test_a_corrupt_record_is_named(tool, pairs, net):
    with h5py.File(pairs, "r+") as f:
        f["depth"][5, 0, 0] += 1
    code, _, err = tool("inspect_data", "--source", pairs)
    assert code == 1 and "frame 5 is corrupt" in err and "pair 12:" in err
    code, out, _ = tool("inspect_data", "--net", net, "--set", "pairs.rgbd_pair_data_param.on_error=skip")
    assert code == 0 and "8 frames of 40x32, 24 pairs; color, depth, pose_c2w, intrinsics; 18 pairs are sound" in out


def test_frames_without_pairs_are_told_and_drawn(tool, tmp_path, is_picture):
    runs = render_runs(World(width=80, height=64, samples=2), "train", 2, 3, 0.15)
    path, panel = tmp_path / "frames.h5", tmp_path / "new" / "panel.png"
    write_pairs(path, **{name: array for name, array in runs.items() if name not in ("pairs", "pose_c2w")})
    code, out, _ = tool("inspect_data", "--source", path, "--n", 3, "--out", panel)
    assert code == 0 and is_picture(panel, least=600)
    assert "6 frames of 80x64 in 2 sequences; color, depth, intrinsics, right, baseline; every record is sound" in out
    assert "3 samples drawn" in out and "left and right, tried on 6 stereo pairs" in out and "samples measured" not in out
    write_pairs(path, color=runs["color"], intrinsics=runs["intrinsics"])
    code, out, _ = tool("inspect_data", "--source", path, "--n", 1, "--out", panel)
    assert code == 0 and is_picture(panel) and "6 frames of 80x64; color, intrinsics; every record is sound" in out
    write_pairs(path, color=runs["right"], right=runs["color"], intrinsics=runs["intrinsics"])
    code, _, err = tool("inspect_data", "--source", path)
    assert code == 1 and "left and right are swapped" in err


def test_a_frame_layer_of_a_net(tool, tmp_path, is_picture):
    write_pairs(tmp_path / "f.h5", **render_runs(World(width=80, height=64, samples=2), "train", 2, 3, 0.15))
    (tmp_path / "n.yaml").write_text(
        "layers:\n- {name: f, type: FrameData, top: [a, b, r, s, k], frame_data_param: {source: f.h5, batch_size: 2,"
        " offsets: [0, 1], items: [color, right, intrinsics], mirror: true}}\n", encoding="utf-8")
    code, out, _ = tool("inspect_data", "--net", tmp_path / "n.yaml", "--n", 3, "--out", tmp_path / "panel.png")
    assert code == 0 and is_picture(tmp_path / "panel.png", least=600)
    assert "4 samples of: color 0, color 1, right 0, right 1, intrinsics" in out and "3 samples drawn" in out
    assert "6 frames of 80x64 in 2 sequences" in out and "left and right, tried on 6 stereo pairs" in out


@pytest.mark.parametrize("words, message", [
    ([], "one of the arguments --source --net is required"),
    (["--source", "room_train"], "did you mean 'rooms_train'?"),
    (["--source", "pairs.h5", "--set", "seed=1"], "--set has no meaning with --source, only with --net"),
    (["--net", "net.yaml", "--layer", "pair"], "no data layer 'pair', did you mean 'pairs'?; its RGBDPairData and"),
    (["--net", "net.yaml", "--phase", "TEST"], "say which --layer; its RGBDPairData and FrameData layers in phase TEST"),
    (["--source", "pairs.h5", "--n", "0"], "expected a whole number of at least 1"),
])
def test_mistakes(tool, net, words, message, monkeypatch):
    monkeypatch.chdir(net.parent)
    code, _, err = tool("inspect_data", *words)
    assert code == 1 and err.count("\n") == 1 and message in err


def test_a_net_without_pairs(tool, small_net):
    code, _, err = tool("inspect_data", "--net", small_net)
    assert code == 1 and "its RGBDPairData and FrameData layers in phase TRAIN are none" in err
