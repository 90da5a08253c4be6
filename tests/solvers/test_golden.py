"""The training loop against real Caffe, recorded in float64: loss, rate, weights, history and snapshots of 25 iterations."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.rules import RULES
from pycaffe_geo.solvers.snapshot import read_state
from pycaffe_geo.spec import load_solver
from pycaffe_geo.weights import read_weights

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden" / "solvers"
FIXED = sorted(p.stem for p in GOLDEN.glob("*.h5") if (GOLDEN / f"{p.stem}_iter_10.caffemodel.h5").exists()) or ["missing"]
READING = ("sgd_h5data_iter_size3", "adam_h5data_clip_iter_size2")


class Recorded:
    """One recording: its datasets by path, and a solver of ours at its starting point."""

    def __init__(self, name, folder, dtype="float64"):
        import h5py

        path = GOLDEN / f"{name}.h5"
        if not path.exists():
            pytest.skip(f"{path} is missing")
        definition = in_single_precision(load_solver(path.with_suffix(".solver.prototxt")))
        if definition.type not in RULES:
            pytest.skip(f"solver type {definition.type} does not exist yet")
        self.solver = get_solver(definition, dtype=dtype, snapshot_prefix=str(folder / name))
        self.values = {}
        with h5py.File(path) as f:
            f.visititems(lambda key, item: self.values.__setitem__(key, item[()]) if hasattr(item, "shape") else None)
        for layer, blobs in self.solver.net.params.items():
            for i, blob in enumerate(blobs):
                blob.data = self.values[f"weights/{layer}/{i}"][0]
        for blob in ("data", "target"):
            if blob in self.values:
                self.solver.net.blobs[blob].data = self.values[blob]

    def compare_weights(self, t):
        for layer, blobs in self.solver.net.params.items():
            for i, blob in enumerate(blobs):
                close(blob.data, self.values[f"weights/{layer}/{i}"][t], f"{layer}[{i}] after {t} iterations")


def in_single_precision(solver):
    """Caffe keeps a solver's numbers in single precision."""
    return replace(solver, **{k: float(np.float32(v)) for k, v in vars(solver).items() if isinstance(v, float)})


def close(ours, theirs, what):
    np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-9 * max(1e-30, float(np.abs(theirs).max())), err_msg=what)


@pytest.mark.parametrize("name", FIXED)
def test_recorded_run(name, tmp_path):
    recorded = Recorded(name, tmp_path)
    solver, values = recorded.solver, recorded.values
    for t in range(25):
        if t == 10:
            weights, state = solver.snapshot()
            compare_snapshot(name, weights, state)
        solver.step(1)
        close(solver.loss, values["loss"][t], f"loss of iteration {t}")
        close(solver.lr, values["lr"][t], f"rate of iteration {t}")
        recorded.compare_weights(t + 1)
        for i, history in enumerate(solver.updater.history):
            close(history, values[f"history/{i}"][t].reshape(-1), f"history {i} of iteration {t}")
        for layer, blobs in solver.net.params.items():
            for i, blob in enumerate(blobs):
                close(blob.diff, values[f"update/{layer}/{i}"][t], f"update of {layer}[{i}] in iteration {t}")


@pytest.mark.parametrize("name", FIXED)
def test_recorded_run_in_float32(name, tmp_path):
    recorded = Recorded(name, tmp_path, "float32")
    solver, values = recorded.solver, recorded.values
    for t in range(25):
        solver.step(1)
        assert solver.loss == pytest.approx(values["loss"][t], rel=1e-4)
        for layer, blobs in solver.net.params.items():
            for i, blob in enumerate(blobs):
                theirs = values[f"weights/{layer}/{i}"][t + 1]
                error = np.linalg.norm(blob.data - theirs)
                assert error <= 1e-4 * np.linalg.norm(theirs), f"{layer}[{i}] after {t + 1} iterations"


def compare_snapshot(name, weights, state):
    """Our files hold what Caffe's hold."""
    ours, theirs = read_weights(weights), read_weights(GOLDEN / f"{name}_iter_10.caffemodel.h5")
    assert list(ours) == list(theirs)
    for layer in theirs:
        for mine, caffes in zip(ours[layer], theirs[layer], strict=True):
            close(mine, caffes, layer)
    ours, theirs = read_state(state), read_state(GOLDEN / f"{name}_iter_10.solverstate.h5")
    assert (ours.iteration, ours.current_step) == (theirs.iteration, theirs.current_step)
    for i, (mine, caffes) in enumerate(zip(ours.history, theirs.history, strict=True)):
        close(mine, caffes, f"history {i}")


def layout(path):
    """Return {path in the file: (dtype, shape)} of an HDF5 file, (None, None) for groups, without what is under /pycaffe_geo."""
    import h5py

    found = {}
    with h5py.File(path) as f:
        f.visititems(lambda key, item: found.__setitem__(key, (getattr(item, "dtype", None), getattr(item, "shape", None))))
    return {key: value for key, value in found.items() if not key.startswith("pycaffe_geo")}


@pytest.mark.parametrize("name", FIXED)
def test_our_files_have_caffes_layout(name, tmp_path):
    recorded = Recorded(name, tmp_path)
    weights, state = recorded.solver.snapshot()
    assert layout(weights) == layout(GOLDEN / f"{name}_iter_10.caffemodel.h5")
    ours, theirs = layout(state), layout(GOLDEN / f"{name}_iter_10.solverstate.h5")
    assert ours.pop("learned_net")[0].kind == "S" and theirs.pop("learned_net")[1] == ()  # fixed length is what Caffe reads
    assert ours == theirs


@pytest.mark.parametrize("name", FIXED)
def test_caffes_own_snapshot_resumes(name, tmp_path, caplog):
    recorded = Recorded(name, tmp_path)
    if name == "adam_step":
        recorded.solver.step(3)  # what was done before must not matter
    recorded.solver.restore(GOLDEN / f"{name}_iter_10.solverstate.h5")
    assert "was written by Caffe" in caplog.text
    for t in range(10, 25):
        recorded.solver.step(1)
        recorded.compare_weights(t + 1)


@pytest.mark.parametrize("name", READING)
def test_run_that_reads_data(name, tmp_path):
    recorded = Recorded(name, tmp_path)
    for t in range(len(recorded.values["loss_last_micro"])):
        recorded.solver.step(1)
        close(recorded.solver.net.loss, recorded.values["loss_last_micro"][t], f"loss of the last batch of iteration {t}")
        close(recorded.solver.net.blobs["target"].data, recorded.values["last_target"][t], f"last batch of iteration {t}")
        recorded.compare_weights(t + 1)
