"""The training loop: displays, tests, snapshots, overrides, and what a solver file may not ask for."""

import logging
import signal

import numpy as np
import pytest
from solver_files import NET, write_small

from pycaffe_geo.errors import SpecError, WeightsError
from pycaffe_geo.solvers import Callback, get_solver
from pycaffe_geo.spec import SolverDef


class Recorder(Callback):
    """Keeps what the solver tells."""

    def __init__(self):
        self.reports, self.snapshots, self.iterations = [], [], 0

    def iterated(self, solver):
        self.iterations += 1

    def displayed(self, solver, report):
        self.reports.append(report)

    tested = displayed

    def snapshotted(self, solver, weights, state):
        self.snapshots.append((solver.iter, weights, state))


def test_solve_displays_tests_and_snapshots_where_caffe_does(small):
    recorder = Recorder()
    solver = get_solver(small, callbacks=[recorder])
    assert solver.solve() == "finished"
    shown = [(r.iteration, r.phase) for r in recorder.reports]
    tests = [(i, "TEST") for i in (0, 20, 40, 60)]
    train = [(i, "TRAIN") for i in range(0, 61, 5)]
    assert [s for s in shown if s[1] == "TRAIN"] == train and [s for s in shown if s[1] == "TEST"] == tests
    assert shown.index((20, "TEST")) + 1 == shown.index((20, "TRAIN")) and shown[-2:] == [(60, "TRAIN"), (60, "TEST")]
    assert [n for n, _, _ in recorder.snapshots] == [25, 50, 60]
    assert all(weights.is_file() and state.is_file() for _, weights, state in recorder.snapshots)
    assert recorder.iterations == solver.iter == 60
    losses = [r.loss for r in recorder.reports if r.phase == "TEST"]
    assert losses[-1] < 0.5 * losses[0]


def test_loss_is_the_mean_of_the_last_average_loss_iterations(small):
    solver = get_solver(small)
    losses = []
    for _ in range(5):
        solver.step(1)
        losses.append(solver.net.loss)
    assert solver.loss == pytest.approx(np.mean(losses[-3:]))


def test_test_nets_use_the_trained_weights(small):
    solver = get_solver(small)
    solver.step(3)
    for name, blobs in solver.net.params.items():
        for mine, theirs in zip(blobs, solver.test_nets[0].params[name]):
            assert mine.shares_data(theirs)
    report = solver.test()
    net = solver.test_nets[0]
    net.set_positions({"data": net.positions()["data"] - 2})
    assert report.loss == pytest.approx(np.mean([(net.forward(), net.loss)[1] for _ in range(2)]))


def test_iter_size_sums_batches(tmp_path):
    """Two batches of 4 and iter_size 2 give the update of one batch of 8 (without dropout)."""
    net = NET.replace("dropout_ratio: 0.3", "dropout_ratio: 0.0").replace("shuffle: true", "shuffle: false")
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
    one = get_solver(write_small(tmp_path / "a", net.replace("batch_size: 4", "batch_size: 8")), dtype="float64")
    two = get_solver(write_small(tmp_path / "b", net), dtype="float64", iter_size=2)
    for solver in (one, two):
        solver.step(3)
    for name, blobs in one.net.params.items():
        for mine, theirs in zip(blobs, two.net.params[name]):
            np.testing.assert_allclose(mine.data, theirs.data, rtol=1e-12)


def test_clip_gradients_bounds_the_update(small):
    solver = get_solver(small, clip_gradients=1e-3, weight_decay=0.0, momentum=0.0, base_lr=1.0)
    solver.step(1)
    assert np.sqrt(sum((b.diff**2).sum() for b in solver.net.learnable)) == pytest.approx(1e-3, rel=1e-5)


def test_random_seed_is_drawn_once_and_kept(small):
    first, second = get_solver(small, random_seed=-1), get_solver(small, random_seed=-1)
    assert first.definition.random_seed >= 0 and first.definition.random_seed != second.definition.random_seed
    again = get_solver(small, random_seed=first.definition.random_seed)
    np.testing.assert_array_equal(first.net.params["ip1"][0].data, again.net.params["ip1"][0].data)


def test_frozen_layers_stay(small):
    solver = get_solver(small, freeze=("ip1",))
    before = [b.data.copy() for b in solver.net.params["ip1"]]
    solver.step(4)
    for blob, old in zip(solver.net.params["ip1"], before):
        np.testing.assert_array_equal(blob.data, old)


def test_debug_info_prints_a_table_of_every_blob(small, caplog):
    with caplog.at_level(logging.INFO):
        get_solver(small, debug_info=True).step(1)
    table = next(r.getMessage() for r in caplog.records if "mean |data|" in r.getMessage())
    assert all(name in table for name in ("ip1[0]", "ip2[1]", "loss", "all net params (data, diff): L1 norm"))


def test_restore_refuses_another_net_and_another_type(small, tmp_path):
    solver = get_solver(small)
    solver.step(1)
    weights, state = solver.snapshot()
    with pytest.raises(WeightsError, match="written by a solver of type 'SGD', this solver is 'Adam'"):
        get_solver(small, type="Adam").restore(state)
    (tmp_path / "other").mkdir()
    wide = NET.replace("num_output: 3", "num_output: 4").replace("[ip2, target]", "[ip2, ip2]")
    other = write_small(tmp_path / "other", wide)
    with pytest.raises(WeightsError, match=r"layer 'ip2': the history of 'ip2\[0\]' is \(3, 8\), expected \(4, 8\)"):
        get_solver(other).restore(state)
    renamed = write_small(tmp_path / "other", NET.replace("ip2", "ip3"))
    with pytest.raises(WeightsError, match="not a snapshot of this net: it lacks the layers 'ip3', and this net lacks its 'ip2'"):
        get_solver(renamed).restore(weights)


def test_resume_takes_over_the_seed_of_the_run(small):
    solver = get_solver(small, random_seed=-1)
    solver.step(2)
    _, state = solver.snapshot()
    other = get_solver(small, random_seed=-1)
    other.restore(state)
    assert other.definition.random_seed == solver.definition.random_seed
    for s in (solver, other):
        s.step(2)
    np.testing.assert_array_equal(solver.net.params["ip1"][0].data, other.net.params["ip1"][0].data)


@pytest.mark.parametrize(
    "fields, text",
    [
        (dict(net=""), "the solver names no network: give net, or train_net"),
        (dict(test_iter=(), test_interval=5), "test_interval is 5, but test_iter, the number of batches of a test, is missing"),
        (dict(test_net=("a", "b")), "test_iter has 1 value(s) for 2 test_net, expected one for each"),
        (dict(test_state=(SolverDef().train_state,) * 2), "test_state has 2 value(s) for 1 test net(s), expected one for each"),
        (dict(iter_size=0), "iter_size: got 0, expected at least 1"),
        (dict(gamma=-0.5), "gamma: got -0.5, expected at least 0"),
        (dict(type="Adam", momentum=1.0), "momentum: got 1.0, expected at least 0 and below 1"),
        (dict(type="RMSProp", rms_decay=1.0), "rms_decay: got 1.0, expected at least 0 and below 1"),
        (dict(test_iter=(0,)), "test_iter: got 0, expected at least 1 batch"),
        (dict(stepvalue=(20, 10)), "stepvalue: got [20, 10], expected rising iterations"),
        (dict(bas_lr=1), "a solver has no field 'bas_lr', did you mean 'base_lr'?"),
    ],
)
def test_what_a_solver_may_not_ask_for(small, fields, text):
    with pytest.raises(SpecError) as e:
        get_solver(small, **fields)
    assert text in str(e.value)


@pytest.mark.parametrize(
    "fields, net, text",
    [
        (dict(max_iter=0), NET, "nothing to train: iteration 0 is not below max_iter 0"),
        (dict(freeze=("ip*",)), NET, "net 'small' learns nothing in phase TRAIN: no parameter below its loss learns"),
        ({}, NET.replace("EuclideanLoss", "Silence"), "net 'small' learns nothing in phase TRAIN: it has no loss"),
    ],
)
def test_solving_that_changes_nothing_says_so(tmp_path, caplog, fields, net, text):
    net = net.replace("{name: loss, type: Silence", "{name: loss, top: [], type: Silence")
    get_solver(write_small(tmp_path, net), **{"max_iter": 1, "display": 0, "test_interval": 0, **fields}).solve()
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == [text]


def test_solve_resumes_from_a_path_and_a_stop_ends_with_its_solve(small):
    solver = get_solver(small, max_iter=30)

    class Stop(Callback):
        def iterated(self, solver):
            if solver.iter == 28:
                signal.raise_signal(signal.SIGINT)

    solver.callbacks.append(Stop())
    _, state = solver.snapshot()
    assert solver.solve(resume=state) == "interrupted" and solver.iter == 28
    assert solver.solve(resume="latest") == "finished" and solver.iter == 30
    solver.step(1)
    assert solver.iter == 31


def test_an_interrupt_during_a_test_puts_the_test_data_back(small):
    solver = get_solver(small)

    class Stop(Callback):
        def iterated(self, solver):
            net = solver.test_nets[0]
            forward = net.forward
            if solver.iter == 20:
                net.forward = lambda: (signal.raise_signal(signal.SIGINT), forward())

    solver.callbacks.append(Stop())
    assert solver.solve() == "interrupted"
    assert solver.iter == 20 and solver.test_nets[0].positions() == {"data": 2}
