"""The command benchmark on works of a few pixels. What is tested is that it compares like with like; never how long it took."""

import csv
import dataclasses
import json
import math

import pytest

from pycaffe_geo.commands import benchmark
from pycaffe_geo.commands._benchmark import contest, growth, works
from pycaffe_geo.errors import NumericError

TINY_NET = """
name: tiny
layers:
- {name: image, type: Input, input_param: {shape: {dim: [2, 3, 6, 8]}}}
- {name: conv, type: Convolution, bottom: image, convolution_param: {num_output: 4, kernel_size: 3, weight_filler: xavier}}
- {name: relu, type: ReLU, bottom: conv, top: conv}
- {name: drop, type: Dropout, bottom: conv, top: conv}
- {name: loss, type: Reduction, bottom: conv, reduction_param: {operation: MEAN}, loss_weight: 1}
"""
TINY = works.Work("tiny", "tiny", TINY_NET, phases=("forward", "forward+backward", "step"), caffe_ms={"step": 2.0})
TINY_ADAM = works.Work("tiny_adam", tensors=((3, 4), (5,)), phases=("update",))


@pytest.fixture
def tiny_works(monkeypatch):
    monkeypatch.setattr(works, "WORKS", {"tiny": TINY, "tiny_adam": TINY_ADAM})


@pytest.fixture
def no_torch(monkeypatch):
    version = benchmark._version
    monkeypatch.setattr(benchmark, "_version", lambda package: None if package == "torch" else version(package))


def read(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", [name for name, work in works.WORKS.items() if work.net])
def test_the_networks_of_the_works_take_their_sizes_after_a_journey(name):
    sent = json.loads(json.dumps(dataclasses.asdict(works.WORKS[name])))
    net = works.definition(works.Work(**sent))
    inputs = {top: shape.dim for layer in net.layers if layer.type == "Input"
              for top, shape in zip(layer.top, layer.parameters["input_param"].shape)}
    batches = {"geometry_small": 4, "geometry_large": 10, "dispnet": 4, "early_fusion": 8}
    assert {dim[0] for dim in inputs.values()} == {batches.get(name) or int(name.rpartition("_b")[2])}
    assert "Dropout" not in {layer.type for layer in net.layers}


def test_without_torch_ours_runs_alone(tool, tiny_works, no_torch, tmp_path):
    code, out, _ = tool("benchmark", "--repeats", "1", "--threads", "2", "--csv", tmp_path / "t.csv", "--out", tmp_path / "t.png")
    assert code == 0 and "not drawn, there are no ratios without PyTorch" in out and "OPENBLAS_CORETYPE" in out
    assert "medians of 1, wall time, 2 thread(s)" in out and "torch not installed" in out and not (tmp_path / "t.png").exists()
    rows = read(tmp_path / "t.csv")
    assert tuple(rows[0]) == benchmark.COLUMNS
    assert [row["phase"] for row in rows] == ["forward", "forward+backward", "step", "update"]
    assert all(float(row["ours_ms"]) > 0 and row["torch_ms"] == row["ratio"] == "" for row in rows)
    assert [bool(row["caffe_ratio"]) for row in rows] == [False, False, True, False]
    assert float(rows[2]["caffe_ratio"]) == pytest.approx(2.0 / float(rows[2]["ours_ms"]))


@pytest.mark.slow
def test_against_torch(tool, tiny_works, tmp_path, is_picture):
    pytest.importorskip("torch")
    words = "--repeats", "1", "--threads", "1", "--clock", "cpu", "--csv", tmp_path / "t.csv", "--out", tmp_path / "t.png"
    code, out, _ = tool("benchmark", *words)
    assert code == 0 and "cpu time" in out and is_picture(tmp_path / "t.png")
    variants = {f"{layout} {adam}" for layout in ("nchw", "channels_last") for adam in ("fused", "foreach")}
    for row in read(tmp_path / "t.csv"):
        assert row["caffe_ratio"] == ""  # real Caffe's times are those of two threads, by the wall's clock
        assert float(row["ratio"]) == pytest.approx(float(row["torch_ms"]) / float(row["ours_ms"]))
        assert float(row["ours_mib"]) > 0 and float(row["torch_mib"]) > 0
        assert row["torch_variant"] in (variants if row["phase"] in ("step", "update") else {"nchw", "channels_last"})


def test_losses_that_differ_are_not_timed():
    contest.check_losses(TINY, {"ours": 2.0, "torch nchw": 2.001})
    for other in (2.01, math.nan):
        with pytest.raises(NumericError, match="tiny: the loss is 2, by torch nchw .* nothing is timed"):
            contest.check_losses(TINY, {"ours": 2.0, "torch nchw": other})


def test_a_busy_machine_is_told(caplog):
    one = type("One", (), {"work": TINY})
    samples = {("ours", ""): [{"forward": 30.0, "step": 60.0}, {"forward": 30.0, "step": 40.0}]}
    contest._tell_waiting([one], 1.0, samples)
    assert not caplog.records
    contest._tell_waiting([one], 25.0, samples)
    assert "tiny: its threads waited for a CPU for 25 % of the time" in caplog.text


def test_the_best_of_torch_counts():
    runs = ("ours", ""), ("torch nchw", "fused"), ("torch channels_last", "foreach")
    times = {run: {"step": ms} for run, ms in zip(runs, (6.0, 9.0, 3.0))}
    row = contest._row(TINY, "step", times, {"ours": 10.0, "torch nchw": 20.0, "torch channels_last": 30.0}, 2.0)
    assert row["torch_variant"] == "channels_last foreach" and row["torch_ms"] == 3 and row["ratio"] == 0.5
    assert row["torch_mib"] == 20 and row["caffe_ratio"] == pytest.approx(1 / 3)


def test_an_unknown_work_is_named(tool):
    code, _, err = tool("benchmark", "--work", "dispnet,geometry_smal")
    assert code == 1 and "no work 'geometry_smal', did you mean 'geometry_small'?" in err


def test_a_contender_that_fails_is_named(tool, monkeypatch, no_torch):
    broken = works.Work("broken", "broken", "layers: [{name: x, type: Nothing}]")
    monkeypatch.setattr(works, "WORKS", {"broken": broken})
    code, _, err = tool("benchmark", "--repeats", "1")
    assert code == 1 and "broken: contender 'ours' ended with exit code 1" in err


def test_exponents():
    assert growth.exponent([1, 2, 4], [3, 6, 12]) == pytest.approx(1)
    assert growth.exponent([1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert math.isnan(growth.exponent([4, 4], [1, 2])) and math.isnan(growth.exponent([1, 2], [0, 2]))


@pytest.mark.slow
def test_growth(tool, monkeypatch, tmp_path, is_picture):
    swept = growth.sweeps(batches=(1,), sides=(), depths=(1, 2))
    monkeypatch.setattr(growth, "sweeps", lambda: {key: swept[key] for key in ("batch", "depth")})
    code, out, _ = tool("benchmark", "--growth", "--repeats", "1", "--threads", "1", "--csv", tmp_path / "g.csv",
                        "--out", tmp_path / "g.png")
    assert code == 0 and is_picture(tmp_path / "g.png")
    rows = read(tmp_path / "g.csv")
    assert [(row["grows"], row["size"]) for row in rows] == [("batch", "1"), ("depth", "1"), ("depth", "2")]
    assert rows[0]["ms_exponent"] == "nan" and math.isfinite(float(rows[1]["ms_exponent"]))
