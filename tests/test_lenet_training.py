"""LeNet trained from scratch on real digits, by a network and a solver of the original kind through tools/train.py."""

import csv

import pytest

from data_mnist import mnist, write_digits_lmdb
from pycaffe_geo.cli import main
from test_lenet_data import NET

SOLVERS = {
    "SGD": "base_lr: 0.02 momentum: 0.9 weight_decay: 0.0005",
    "Adam": 'type: "Adam" base_lr: 0.001 momentum: 0.9 momentum2: 0.999',
}
SCHEDULE = """
net: "net.prototxt" lr_policy: "multistep" gamma: 0.1 stepvalue: 1500 max_iter: 2000
test_iter: 20 test_interval: 1000 display: 200 random_seed: 1 solver_mode: CPU snapshot: 2000 snapshot_prefix: "run/lenet"
"""
DATA = """
layer {{ name: "mnist" type: "Data" top: "data" top: "label" include {{ phase: {phase} }}
  transform_param {{ scale: 0.00390625 crop_size: 26 }} data_param {{ source: "{source}" batch_size: {batch} backend: LMDB }} }}
"""


@pytest.mark.slow
@pytest.mark.parametrize("kind", SOLVERS)
def test_lenet_learns_the_digits(kind, tmp_path, monkeypatch):
    """8,000 digits, cropped at random as Caffe's users did; 98 % of 2,000 others."""
    pytest.importorskip("lmdb")
    images, labels = mnist()
    write_digits_lmdb(tmp_path / "train_lmdb", images[:8000], labels[:8000])
    write_digits_lmdb(tmp_path / "test_lmdb", images[8000:], labels[8000:])
    layers = NET[NET.index('layer { name: "conv1"'):]
    data = [DATA.format(phase=p, source=f"{p.lower()}_lmdb", batch=n) for p, n in (("TRAIN", 64), ("TEST", 100))]
    (tmp_path / "net.prototxt").write_text("\n".join(['name: "LeNet"', *data, layers]))
    (tmp_path / "solver.prototxt").write_text(SCHEDULE + SOLVERS[kind])
    monkeypatch.chdir(tmp_path)
    assert main(["train", "--solver", "solver.prototxt"]) == 0
    with open("run/metrics.csv", newline="", encoding="utf-8") as file:
        tests = [row for row in csv.DictReader(file) if row["phase"] == "TEST"]
    assert tests[-1]["iteration"] == "2000" and float(tests[-1]["accuracy"]) >= 0.98
