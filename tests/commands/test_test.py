import csv
import json

import numpy as np
import pytest

from pycaffe_geo.net import Net


def test_prints_the_mean_of_every_output(tool, small_net):
    code, out, _ = tool("test", "--net", small_net, "--iterations", "3")
    assert code == 0
    net = Net(small_net, "TEST")
    losses, copies = [], []
    for i in range(3):
        net.clock.iteration = i
        net.forward()
        losses.append(float(net.blobs["loss"].data))
        copies.append(float(net.blobs["copy"].data.mean()))
    shown = {line.split()[0]: float(line.split()[-1]) for line in out.splitlines()[2:]}
    assert shown == {"loss": pytest.approx(np.mean(losses), rel=1e-4), "copy": pytest.approx(np.mean(copies), rel=1e-4)}


def test_weights_are_used_and_reported(tool, small_net, tmp_path):
    net = Net(small_net, "TEST")
    for blob in net.learnable:
        blob.data[...] = 0
    net.save(tmp_path / "w.h5")
    code, out, err = tool("test", "--net", small_net, "--weights", tmp_path / "w.h5", "--iterations", "1")
    assert code == 0 and "loaded 1 layer(s)" in err
    assert [line.split()[-1] for line in out.splitlines() if line.startswith("copy")] == ["0"]


def test_pose_errors_stand_beside_the_baselines_and_files_are_written(tool, pose_net, tmp_path, is_picture):
    code, out, _ = tool("test", "--net", pose_net, "--iterations", "2", "--out", tmp_path / "results")
    assert code == 0
    for word in ("errors: mean errors of 4 motions", "prediction", "identity", "mean motion", "better baseline"):
        assert word in out
    results = json.loads((tmp_path / "results" / "results.json").read_text(encoding="utf-8"))
    table = {row[""]: row for row in results["poses"]["errors"]["errors"]}
    assert table["identity"]["rotation_deg"] == 0 and table["prediction"]["rotation_deg"] > 0
    rows = dict(csv.reader(open(tmp_path / "results" / "results.csv", encoding="utf-8")))
    assert float(rows["photometric"]) == results["outputs"]["photometric"]
    assert is_picture(tmp_path / "results" / "panel.png")


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_outputs_that_are_not_finite_end_in_2(tool, small_net):
    code, _, err = tool("test", "--net", small_net, "--set", "copy.power_param.scale=inf", "--iterations", "1")
    assert code == 2
    assert "batch 0" in err and "layer 'copy' (Power)" in err


def test_out_must_be_a_folder(tool, small_net):
    code, _, err = tool("test", "--net", small_net, "--iterations", "1", "--out", small_net)
    assert code == 1 and "is a file, expected a folder" in err
