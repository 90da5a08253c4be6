"""60 iterations at a stretch, and 25 + kill -9 + resume: weights, history, metrics and data agree bit for bit."""

import csv
import subprocess
import sys

import h5py
import numpy as np
import pytest
from solver_files import write_pose, write_small

from pycaffe_geo.solvers.train import train

KILLED = """
import os, signal, sys
from pycaffe_geo.solvers import Callback
from pycaffe_geo.solvers.train import train

class Kill(Callback):
    def iterated(self, solver):
        if solver.iter == 38:
            os.kill(os.getpid(), signal.SIGKILL)

train(sys.argv[1], type=sys.argv[2], callbacks=[Kill()])
"""


def contents(path):
    """Return {dataset: value} of an HDF5 file."""
    found = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None)
    return found


def rows(path):
    with open(path, newline="") as f:
        return [{k: v for k, v in row.items() if k not in ("seconds", "it/s")} for row in csv.DictReader(f)]


@pytest.mark.parametrize("write", [write_small, write_pose])
@pytest.mark.parametrize("kind", ["SGD", "Nesterov", "Adam"])
def test_resume_after_kill_is_exact(tmp_path, kind, write):
    for name in ("whole", "killed"):
        (tmp_path / name).mkdir()
    straight = write(tmp_path / "whole")
    train(straight, type=kind)
    solver = write(tmp_path / "killed")
    process = subprocess.run([sys.executable, "-c", KILLED, str(solver), kind], capture_output=True, text=True, timeout=120)
    assert process.returncode == -9, process.stderr
    before = rows(tmp_path / "killed" / "run" / "metrics.csv")
    assert before[-1]["iteration"] == "35"
    summary = train(solver, type=kind, resume="latest")
    assert (summary.status, summary.solver.iter) == ("finished", 60)

    run, killed = tmp_path / "whole" / "run", tmp_path / "killed" / "run"
    assert rows(run / "metrics.csv") == rows(killed / "metrics.csv")
    for name in ("small_iter_60.caffemodel.h5", "small_iter_60.solverstate.h5"):
        ours, theirs = contents(run / name), contents(killed / name)
        assert ours.keys() == theirs.keys()
        for key in ours.keys() - {"learned_net"}:
            assert np.array_equal(ours[key], theirs[key]), f"{name}: {key}"
