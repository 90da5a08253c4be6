"""The folder of a run: what it holds, metrics.csv and its cutting, and the summary of `train`."""

import csv
import json
import logging

import pytest
from solver_files import NET, write_small

from pycaffe_geo.errors import NumericError, SpecError
from pycaffe_geo.solvers.callback import Report
from pycaffe_geo.solvers.metrics_file import MetricsFile, read_metrics
from pycaffe_geo.solvers.train import train
from pycaffe_geo.spec import load_net, load_solver

RECORDS = {"solver.yaml", "net.yaml", "run.json", "metrics.csv", "curves.png"}


def report(iteration, phase="TRAIN", **values):
    return Report(iteration, phase, 0.1, 2.0, values)


def test_a_run_leaves_everything_that_is_needed_to_repeat_it(small, tmp_path, caplog):
    with caplog.at_level(logging.INFO):
        summary = train(small, out=tmp_path / "out", iterations=25, command=["train", "x"], base_lr=0.04)
    assert (summary.status, summary.exit_code, summary.solver.iter) == ("finished", 0, 25)
    out = summary.folder
    assert {p.name for p in out.iterdir()} == RECORDS | {"small_iter_25.caffemodel.h5", "small_iter_25.solverstate.h5"}
    written = load_solver(out / "solver.yaml")
    assert (written.base_lr, written.max_iter, written.random_seed, written.momentum) == (0.04, 25, 7, 0.9)
    names = [layer.name for layer in load_net(out / "net.yaml").layers]
    assert names == ["data", "ip1", "tanh", "drop", "ip2", "loss"]
    (start,) = json.loads((out / "run.json").read_text())["starts"]
    assert start["command"] == ["train", "x"] and start["random_seed"] == 7 and "numpy" in start["versions"]
    assert out.joinpath("curves.png").read_bytes()[1:4] == b"PNG"
    assert "iteration 5: lr 0.04, loss " in caplog.text and "iteration 20, test: loss " in caplog.text


def test_metrics_have_a_row_for_every_display_and_test(small):
    summary = train(small, iterations=25)
    with open(summary.folder / "metrics.csv", newline="") as f:
        rows = list(csv.DictReader(f))
    assert list(rows[0]) == ["iteration", "phase", "lr", "loss", "loss_term", "seconds", "it/s"]
    train_rows = [r for r in rows if r["phase"] == "TRAIN"]
    assert [r["iteration"] for r in train_rows] == ["0", "5", "10", "15", "20", "25"]
    assert [r["iteration"] for r in rows if r["phase"] == "TEST"] == ["0", "20"]
    assert train_rows[0]["loss"] == train_rows[0]["loss_term"] and train_rows[1]["loss"] != train_rows[1]["loss_term"]
    seconds = [float(r["seconds"]) for r in rows]
    assert seconds == sorted(seconds) and float(rows[2]["it/s"]) > 0


def test_resume_appends_after_cutting_later_rows(small):
    train(small, iterations=50)
    folder = small.parent / "run"
    before = read_metrics(folder / "metrics.csv")
    summary = train(small, iterations=45, resume=folder / "small_iter_25.caffemodel.h5")
    assert summary.solver.iter == 45
    rows = read_metrics(folder / "metrics.csv")
    assert rows[:7] == before[:7]
    iterations = [int(r["iteration"]) for r in rows]
    assert iterations == sorted(iterations) and iterations.count(30) == 1 and iterations[-1] == 45
    assert len(json.loads((folder / "run.json").read_text())["starts"]) == 2


def test_weights_start_a_run_and_exclude_resume(small, tmp_path):
    train(small, iterations=25)
    weights = small.parent / "run" / "small_iter_25.caffemodel.h5"
    starts = {"fresh": (), "tuned": weights}
    runs = {k: train(small, iterations=1, out=tmp_path / k, weights=w).folder for k, w in starts.items()}
    losses = {k: float(read_metrics(folder / "metrics.csv")[0]["loss"]) for k, folder in runs.items()}
    assert losses["tuned"] < 0.8 * losses["fresh"]
    with pytest.raises(SpecError, match="--resume and --weights exclude each other"):
        train(small, resume="latest", weights=weights)


@pytest.mark.filterwarnings("ignore:overflow", "ignore:invalid value")
def test_a_file_in_the_place_of_the_folder(small, tmp_path):
    (tmp_path / "out").write_text("x")
    with pytest.raises(SpecError, match="out: is a file, expected the folder of the run"):
        train(small, out=tmp_path / "out")


def test_a_numeric_failure_leaves_metrics_and_no_snapshot(small):
    with pytest.raises(NumericError):
        train(small, base_lr=1e39)
    assert {p.name for p in (small.parent / "run").iterdir()} == RECORDS


def test_loss_terms_and_small_outputs_have_columns(tmp_path):
    more = """
- {name: l1, type: AbsLoss, bottom: [ip2, target], loss_weight: 0.5}
- {name: mean, type: Reduction, bottom: ip1, reduction_param: {axis: 1}}
"""
    summary = train(write_small(tmp_path, NET + more), iterations=1)
    row = read_metrics(summary.folder / "metrics.csv")[1]
    means = [f"mean[{i}]" for i in range(4)]
    assert list(row) == ["iteration", "phase", "lr", "loss", "l1", "loss_term", *means, "seconds", "it/s"]


def test_cutting_drops_rows_and_a_torn_line_and_adds_columns(tmp_path):
    path = tmp_path / "metrics.csv"
    first = MetricsFile(path, ["a"])
    for i in (0, 10, 20):
        first.add(report(i, a=i / 10), i + 0.5, 3.0)
    with open(path, "a") as f:
        f.write("30,TRA")
    second = MetricsFile(path, ["a", "b"], cut=20)
    assert second.seconds == 10.5
    second.add(report(20, b=7.0), 11.0, None)
    rows = read_metrics(path)
    assert [(r["iteration"], r["a"], r["b"], r["seconds"]) for r in rows] == [
        ("0", "0.0", "", "0.500"), ("10", "1.0", "", "10.500"), ("20", "", "7.0", "11.000"),
    ]


def test_a_new_run_begins_a_new_file(tmp_path):
    path = tmp_path / "metrics.csv"
    MetricsFile(path, ["a"]).add(report(0, a=1), 0.0, None)
    MetricsFile(path, ["b"])
    assert path.read_text() == "iteration,phase,lr,loss,b,seconds,it/s\n"
