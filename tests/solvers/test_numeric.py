"""Non-finite numbers stop the run and name iteration, phase, layer and blob; no snapshot is written from them."""

import numpy as np
import pytest
from solver_files import NET, write_small

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import NumericError
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.numeric import all_finite, squared_norm


def stopped(solver, n=10):
    with pytest.raises(NumericError) as e:
        solver.step(n)
    return str(e.value)


def test_nan_in_the_data_names_the_data_layer_and_keeps_the_position(small, tmp_path):
    import h5py

    with h5py.File(tmp_path / "data.h5", "r+") as f:
        f["data"][9, 2] = np.nan
    solver = get_solver(small)
    text = stopped(solver)
    assert f"iteration {solver.iter}, forward: " in text
    assert "layer 'data' (HDF5Data): blob 'data': " in text and "of 20 values are NaN or infinite in its data" in text
    assert solver.net.positions() == {"data": solver.iter + 1}
    assert (solver.net.blobs["data"].data != solver.net.blobs["data"].data).any()  # the same batch, run again


@pytest.mark.filterwarnings("ignore:invalid value")
def test_forward_names_the_first_layer(tmp_path):
    net = NET.replace("- {name: tanh", "- {name: log, type: Log, bottom: ip1, top: logged}\n- {name: tanh").replace(
        "{name: tanh, type: TanH, bottom: ip1, top: ip1}", "{name: tanh, type: TanH, bottom: logged}"
    )
    net = net.replace("type: Dropout, bottom: ip1", "type: Dropout, bottom: tanh")
    text = stopped(get_solver(write_small(tmp_path, net)))
    assert text.startswith("iteration 0, forward: ") and "layer 'log' (Log): blob 'logged': " in text
    assert "(the loss is nan)" in text


@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_in_a_weight_is_named_before_any_layer(small):
    solver = get_solver(small)
    solver.step(2)
    solver.net.params["ip2"][0].data[1, 2] = np.inf
    text = stopped(solver)
    where = "iteration 2, update: layer 'ip2': parameter blob 'ip2[0]'"
    assert text.startswith(f"{where} was made non-finite by the update of iteration 1 (1 of 24 values are NaN or infinite)")


@pytest.mark.filterwarnings("ignore:invalid value")
def test_nan_in_the_weights_a_run_starts_from(small):
    solver = get_solver(small)
    solver.net.params["ip2"][0].data[1, 2] = np.nan
    text = stopped(solver)
    assert "was not finite before training began" in text and text.endswith("look at the weights or fillers it starts from")


def test_nan_in_a_gradient_names_the_layer_that_made_it(tmp_path):
    net = NET.replace("- {name: ip2", "- {name: bad, type: BadGradientTest, bottom: drop}\n- {name: ip2").replace(
        "InnerProduct, bottom: drop", "InnerProduct, bottom: bad"
    )
    solver = get_solver(write_small(tmp_path, net))
    text = stopped(solver)
    assert solver.iter == 4
    assert text.startswith("iteration 4, backward: ")
    assert "layer 'bad' (BadGradientTest): blob 'drop': 1 of 32 values are NaN or infinite in its diff" in text


@pytest.mark.filterwarnings("ignore:overflow")
def test_no_snapshot_from_weights_that_are_not_finite(small):
    solver = get_solver(small, base_lr=1e39, momentum=0.0)
    solver.step(1)
    with pytest.raises(NumericError) as e:
        solver.snapshot()
    assert str(e.value).startswith("iteration 0, update: layer 'ip")
    assert not list(small.parent.glob("run/*"))


def test_a_failure_that_does_not_repeat_says_so(small, monkeypatch):
    solver = get_solver(small)
    monkeypatch.setattr(type(solver.net), "loss", property(lambda net: float("nan")))
    assert "the loss is nan, but the same batch, run again layer by layer, stays finite" in stopped(solver)


def test_large_gradients_are_not_an_error():
    blob = Blob((3,), "float32")
    blob.diff = [1e25, 2e25, 0]
    assert squared_norm([blob]) == pytest.approx(5e50, rel=1e-5)
    assert all_finite(blob.diff)
    blob.diff[2] = np.inf
    assert squared_norm([blob]) == np.inf and not all_finite(blob.diff)
