"""The TensorBoard log is read back record by record: length, checksum, event, checksum."""

import struct
import sys
import time

import numpy as np
import pytest

from pycaffe_geo.cli import main
from pycaffe_geo.solvers.metrics_file import read_metrics
from solver_files import write_pose


def events(folder):
    """Return {tag: {iteration: a number, or the bytes of a picture}} of all event files of `folder`, in order, and their
    session starts."""
    from tensorboardX.proto.event_pb2 import Event

    found, starts = {}, []
    for path in sorted(folder.glob("events.out.tfevents.*")):
        data, place = path.read_bytes(), 0
        while place < len(data):
            (length,) = struct.unpack_from("<Q", data, place)
            event = Event.FromString(data[place + 12:place + 12 + length])
            place += length + 16
            starts += [event.step] if event.HasField("session_log") else []
            for value in event.summary.value:
                image = value.HasField("image")
                found.setdefault(value.tag, {})[event.step] = value.image.encoded_image_string if image else value.simple_value
    return found, starts


def train(tmp_path, solver, *words):
    return main(["train", "--solver", str(solver), "--out", str(tmp_path / "run"), "--tensorboard", *words])


def test_the_log_holds_what_metrics_csv_does_and_the_warps(tmp_path, capsys, monkeypatch):
    pytest.importorskip("tensorboardX", reason="needs tensorboardX (pip install 'pycaffe_geo[tensorboard]')")
    now = time.time()
    monkeypatch.setattr("tensorboardX.event_file_writer.time.time", lambda: now)  # both sessions begin in the same second
    solver = write_pose(tmp_path)
    words = ["--set", "test_iter=1", "--set", "test_interval=2", "--set", "display=2", "--set", "snapshot=2"]
    assert train(tmp_path, solver, *words, "--iterations", "2") == 0, capsys.readouterr().err
    assert train(tmp_path, solver, *words, "--iterations", "4", "--resume", "latest") == 0
    found, starts = events(tmp_path / "run")
    assert starts == [2]
    assert set(found) == {"train/loss", "train/loss_term", "train/lr", "test/loss", "test/loss_term", "test/warps"}
    for row in read_metrics(tmp_path / "run" / "metrics.csv"):
        for name in ("loss", "loss_term"):
            logged = found[f"{row['phase'].lower()}/{name}"][int(row["iteration"])]
            np.testing.assert_allclose(logged, float(row[name]), rtol=1e-6)
    assert list(found["test/loss"]) == list(found["test/warps"]) == [0, 2, 4]
    assert found["train/lr"][0] == pytest.approx(1e-4)
    (tmp_path / "warps.png").write_bytes(found["test/warps"][4])
    _check_picture(tmp_path / "warps.png")


def _check_picture(path):
    from pycaffe_geo.datasets.images import read_color

    picture = read_color(path)
    assert picture.shape == (3 * 16, 3 * 20, 3) and np.ptp(picture) > 0  # three samples; src, tgt and warped


def test_a_missing_package_is_told_by_its_extra(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    assert train(tmp_path, write_pose(tmp_path)) == 1
    assert "pip install 'pycaffe_geo[tensorboard]'" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
