"""The tool on noise moved by a known disparity, and a network that always says 3."""

import json

import numpy as np
import pytest

from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.weights import write_weights

NET = """
name: three
layers:
- {name: pairs, type: FrameData, top: [left, right], frame_data_param: {source: absent.h5, items: [color, right]}}
- {name: disparity, type: Convolution, bottom: left, convolution_param: {num_output: 1, kernel_size: 1}}
- {name: coords, type: Disparity1D, bottom: disparity, disparity_1d_param: {sign: -1}}
- {name: warped, type: InverseWarping, bottom: [right, coords]}
"""


@pytest.fixture
def evaluate(tool, tmp_path, monkeypatch):
    """Write the network, its weights and pairs of disparities `rows` (H,) to train.h5, `held` to test.h5 -> (code, out, err)."""
    monkeypatch.chdir(tmp_path)

    def run(rows, held, *words, net=NET):
        (tmp_path / "net.yaml").write_text(net)
        write_weights("w.caffemodel.h5", {"disparity": [np.zeros((1, 3, 1, 1), "f4"), np.full(1, 3, "f4")]})
        for name, disparity in (("train.h5", rows), ("test.h5", held)):
            right = np.random.default_rng(len(name)).integers(0, 256, (3, len(disparity), 24, 3))
            left = np.stack([np.roll(right[:, y], d, axis=1) for y, d in enumerate(disparity)], axis=1)
            write_pairs(name, color=left, right=right, intrinsics=np.ones((3, 4)), baseline=np.ones(3))
        fold = ("--fold", "w.caffemodel.h5", "train.h5", "test.h5")
        return tool("eval_stereo", "--net", "net.yaml", *fold, "--max-disparity", "6", "--step", "1", *words)

    return run


def test_errors_and_how_much_of_the_way_they_go(evaluate, tmp_path):
    """Half of the rows of the training pairs have the disparity of the held-out ones, 3, which the network says too."""
    code, out, _ = evaluate([3] * 4 + [5] * 4, [3] * 8, "--out", "found")
    assert code == 0 and "1 fold(s) at 24x8, columns from 6" in out
    found = json.loads((tmp_path / "found" / "errors.json").read_text())["mean"]
    assert found["network"] == found["matching"] == 0 and found["way network"] == 1
    assert found["way rows"] == pytest.approx(0.5, abs=0.1) and found["identity"] > 50
    assert (tmp_path / "found" / "fold0.png").read_bytes()[:4] == b"\x89PNG"


def test_pairs_are_taken_as_stored_whatever_training_does_to_them(evaluate, tmp_path):
    changes = "items: [color, right], shuffle: true, mirror: true, random_scale: 1.5, color_jitter: 0.5}"
    for net in (NET, NET.replace("items: [color, right]}", changes)):
        assert evaluate([3] * 4, [3] * 4, "--out", "found", net=net)[0] == 0
        assert json.loads((tmp_path / "found" / "errors.json").read_text())["mean"]["network"] == 0


def test_a_network_whose_disparities_are_negative(evaluate, tmp_path):
    net = NET.replace("bottom: disparity,", "bottom: minus,").replace("sign: -1", "sign: 1").splitlines()
    net.insert(5, "- {name: minus, type: Power, bottom: disparity, power_param: {scale: -1}}")
    assert evaluate([3] * 4, [3] * 4, "--out", "found", net="\n".join(net))[0] == 0
    assert json.loads((tmp_path / "found" / "errors.json").read_text())["mean"]["network"] == 0


def test_pairs_of_one_picture_twice_are_refused(evaluate):
    code, _, err = evaluate([3] * 4, [0] * 4)
    assert code == 1 and "block matching leaves the error 0, no disparity 0; expected less" in err


def test_a_network_without_disparity_is_refused(evaluate):
    code, _, err = evaluate([3] * 4, [3] * 4, net="\n".join(NET.splitlines()[:5]))
    assert code == 1 and "net.yaml: has no FrameData or no Disparity1D layer in TEST, expected both" in err
