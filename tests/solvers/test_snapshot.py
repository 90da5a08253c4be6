"""Snapshot files: Caffe's layout, finding a pair, and what is refused."""

import logging
from pathlib import Path

import h5py
import numpy as np
import pytest

from pycaffe_geo.errors import WeightsError
from pycaffe_geo.solvers.snapshot import State, check_history, find_pair, read_state, write_state

GOLDEN = Path(__file__).resolve().parents[3] / "shared" / "golden" / "solvers"


def state(**changes):
    values = dict(iteration=10, current_step=2, weights="a/b_iter_10.caffemodel.h5", history=[np.arange(6.0).reshape(2, 3)])
    return State(**{**values, **changes})


def tree(path):
    found = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, item: found.__setitem__(name, (getattr(item, "dtype", None), getattr(item, "shape", None))))
    return found


def make_pair(folder, n, weights=True):
    """Write the two files of a pair with nothing but their names and iteration right."""
    if weights:
        (folder / f"x_iter_{n}.caffemodel.h5").write_bytes(b"weights")
    write_state(folder / f"x_iter_{n}.solverstate.h5", state(iteration=n))


def test_state_comes_back(tmp_path):
    path = tmp_path / "b_iter_10.solverstate.h5"
    original = state(type="Adam", random_seed=5, positions={"data": 10}, test_positions=[{}, {"t": 4}], losses=[0.1, 1 / 3])
    write_state(path, original)
    back = read_state(path)
    np.testing.assert_array_equal(back.history[0], original.history[0])
    assert {**vars(back), "history": 0} == {**vars(original), "history": 0}


def test_layout_is_caffes(tmp_path):
    recorded = GOLDEN / "adam_iter_10.solverstate.h5"
    if not recorded.exists():
        pytest.skip(f"{recorded} is missing")
    theirs = read_state(recorded)
    assert (theirs.iteration, len(theirs.history), theirs.type) == (10, 8, "")
    write_state(tmp_path / "s.solverstate.h5", theirs)
    ours, caffes = tree(tmp_path / "s.solverstate.h5"), tree(recorded)
    assert {k: v for k, v in ours.items() if "pycaffe_geo" not in k and k != "learned_net"} == {
        k: v for k, v in caffes.items() if k != "learned_net"
    }
    with h5py.File(tmp_path / "s.solverstate.h5") as f:  # a C string with its closing zero, as h5_tree.txt lists it
        assert f["learned_net"].dtype == np.dtype(f"S{len(theirs.weights) + 1}")
        assert f["learned_net"].shape == () and f["learned_net"][()].decode() == theirs.weights


def test_either_file_of_a_pair_is_accepted_and_said(tmp_path, caplog):
    make_pair(tmp_path, 5)
    pair = (tmp_path / "x_iter_5.caffemodel.h5", tmp_path / "x_iter_5.solverstate.h5")
    assert find_pair(pair[1]) == pair
    with caplog.at_level(logging.INFO):
        assert find_pair(pair[0]) == pair
    assert "holds the weights; the solver state is taken from x_iter_5.solverstate.h5 beside it" in caplog.text


def test_latest_is_the_highest_complete_pair(tmp_path):
    for n, weights in ((5, True), (90, True), (100, True), (120, False)):
        make_pair(tmp_path, n, weights)
    (tmp_path / "x_iter_130.caffemodel.h5").write_bytes(b"killed before its state was written")
    (tmp_path / "xy_iter_999.solverstate.h5").write_bytes(b"of another run")
    assert find_pair("latest", tmp_path / "x")[1].name == "x_iter_100.solverstate.h5"
    with pytest.raises(WeightsError, match="no complete snapshot to resume from"):
        find_pair("latest", tmp_path / "z")


def test_weights_alone_and_other_files_are_refused(tmp_path):
    (tmp_path / "w.caffemodel.h5").write_bytes(b"")
    with pytest.raises(WeightsError, match="solver state w.solverstate.h5 is not beside it; to start a new run .* --weights"):
        find_pair(tmp_path / "w.caffemodel.h5")
    with pytest.raises(WeightsError, match="w.solverstate: cannot resume from this file, expected a name ending in"):
        find_pair(tmp_path / "w.solverstate")
    with pytest.raises(WeightsError, match="no such file"):
        find_pair(tmp_path / "missing.solverstate.h5")
    make_pair(tmp_path, 7, weights=False)
    with pytest.raises(WeightsError, match="its weights x_iter_7.caffemodel.h5 are not beside it, nor at a/b_iter_10"):
        find_pair(tmp_path / "x_iter_7.solverstate.h5")


@pytest.mark.parametrize(
    "changes, kind, text",
    [
        (dict(type="Adam"), "SGD", "was written by a solver of type 'Adam', this solver is 'SGD'; set type: Adam to resume"),
        (dict(history=[]), "SGD", "/history has 0 blob(s), expected 1 (1 for each of the 1 parameters with type SGD)"),
        (dict(history=[np.zeros(4)]), "SGD", "layer 'conv': the history of 'conv[0]' is (4,), expected (2, 3)"),
    ],
)
def test_states_that_do_not_fit(changes, kind, text):
    with pytest.raises(WeightsError) as e:
        check_history("s.h5", state(**changes), kind, ["conv[0]"], [(2, 3)], 1)
    assert str(e.value).startswith("s.h5: ") and text in str(e.value)


def test_damaged_states(tmp_path):
    path = tmp_path / "s.solverstate.h5"
    write_state(path, state())
    path.write_bytes(path.read_bytes()[:700])
    with pytest.raises(WeightsError, match="s.solverstate.h5"):
        read_state(path)
    with h5py.File(path, "w") as f:
        f["iter"] = [3]
    with pytest.raises(WeightsError, match="has no 'history'"):
        read_state(path)


@pytest.mark.parametrize("key, value, text", [
    ("iter", [-1], "/iter is -1, expected a count"),
    ("iter", [1, 2], "/iter has 2 numbers, expected one"),
    ("learned_net", [1.5], "/learned_net is no text"),
    ("history", 3, "/history is no group"),
    ("pycaffe_geo/state", np.bytes_("{"), "/pycaffe_geo/state is damaged: Expecting property name"),
    ("pycaffe_geo/state", np.bytes_("[]"), "/pycaffe_geo/state is damaged: 'iteration' is missing or of the wrong kind"),
    ("pycaffe_geo/state", np.bytes_('{"format": 2}'), "was written by a newer version of pycaffe_geo"),
])
def test_damaged_parts(tmp_path, key, value, text):
    path = tmp_path / "s.solverstate.h5"
    write_state(path, state())
    with h5py.File(path, "a") as f:
        del f[key]
        f[key] = value
    with pytest.raises(WeightsError) as e:
        read_state(path)
    assert str(e.value).startswith(f"{path}: {text}")


def test_a_failing_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "s.solverstate.h5"
    write_state(path, state(iteration=1))
    with pytest.raises(TypeError):
        write_state(path, state(iteration=2, history=[np.zeros(2), object()]))
    assert read_state(path).iteration == 1
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
