"""Training with float16 blobs: it follows float32, skips what overflows, and resumes bit for bit."""

import logging

import numpy as np
import pytest
from solver_files import write_pose, write_small

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.errors import NumericError, SpecError
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.loss_scale import LEAST, MOST, PATIENCE, START, LossScale
from pycaffe_geo.solvers.snapshot import State, read_state, write_state
from pycaffe_geo.weights import read_weights


def trained(path, count, **fields):
    """Return (solver, its loss at each of `count` iterations)."""
    solver = get_solver(path, average_loss=1, **fields)
    losses = []
    for _ in range(count):
        solver.step()
        losses.append(solver.loss)
    return solver, np.array(losses)


def weights(solver):
    return [asnumpy(b.data).copy() for b in solver.net.learnable]


@pytest.mark.parametrize("write", [write_small, write_pose])
def test_follows_float32(write, tmp_path, caplog):
    path = write(tmp_path)
    half, losses = trained(path, 50, precision="FLOAT16", loss_scale=256.0)  # one that no update is left out with
    assert caplog.text.count("FLOAT16 is slower than float32 on a CPU") == 1
    single, expected = trained(path, 50)
    np.testing.assert_allclose(losses, expected, rtol=0.03)
    assert not np.array_equal(losses, expected)
    report, same = half.test(), single.test()
    assert report.loss == pytest.approx(same.loss, rel=0.03)
    assert {b.dtype.name for b in half.net.blobs.values()} == {"float16", "float32"}
    assert {b.dtype.name for b in (*half.net.learnable, *single.net.learnable, *single.net.blobs.values())} == {"float32"}


def test_an_overflow_leaves_out_an_update_and_halves_the_scale(tmp_path, caplog):
    solver = get_solver(write_pose(tmp_path), precision="FLOAT16")
    solver.step(2)
    solver.loss_scale.set(2.0**30, good=7)
    before, history = weights(solver), [h.copy() for h in solver.updater.history]
    with caplog.at_level(logging.INFO), np.errstate(invalid="ignore"):
        solver.step()
    assert (solver.iter, solver.loss_scale.value, solver.loss_scale.good) == (3, 2.0**29, 0)
    learned = [i for i, lr in enumerate(solver.net.lr_mults) if lr]
    for old, new in zip((before, history), (weights(solver), solver.updater.history)):
        assert all(np.array_equal(old[i], new[i]) for i in learned)
    assert "iteration 2: a gradient is too large for float16: no update, loss scale 5.36871e+08" in caplog.text
    solver.loss_scale.set(START)
    solver.step()
    assert not np.array_equal(before[0], weights(solver)[0])


def test_a_fixed_scale_that_overflows_ends_the_run(tmp_path):
    solver = get_solver(write_pose(tmp_path), precision="FLOAT16", loss_scale=2.0**40)
    with pytest.raises(NumericError, match=r"layer 'twist_float32' .* is nan with loss scale 1\.1e\+12\)"):
        with np.errstate(invalid="ignore"):
            solver.step()


class Net:
    def set_loss_scale(self, scale):
        self.scale = scale


def test_the_scale_doubles_after_many_good_steps_and_stops_at_its_limits():
    net = Net()
    scale = LossScale(net)
    for _ in range(PATIENCE - 1):
        scale.stood()
    assert net.scale == START and scale.lower(5) and net.scale == START / 2
    for _ in range(PATIENCE):
        scale.stood()
    assert (net.scale, scale.good) == (START, 0)
    scale.set(MOST, PATIENCE - 1)
    scale.stood()
    assert net.scale == MOST
    scale.set(2 * LEAST)
    assert scale.lower(0) and not scale.lower(1) and net.scale == LEAST
    fixed = LossScale(net, 8.0)
    assert not fixed.lower(0) and net.scale == 8 and fixed.state() == {}


@pytest.mark.parametrize("write", [write_small, write_pose])
def test_resumes_bit_for_bit(write, tmp_path):
    path = write(tmp_path)
    fields = dict(precision="FLOAT16", type="Adam", base_lr=1e-3, clip_gradients=1.0, iter_size=2)
    whole, _ = trained(path, 6, **fields)
    first, _ = trained(path, 3, **fields)
    first.loss_scale.set(1024.0, good=5)
    saved, state = first.snapshot()
    assert all(a.dtype == np.float32 for arrays in read_weights(saved).values() for a in arrays if a is not None)
    second = get_solver(path, **fields)
    second.restore(state)
    assert (second.loss_scale.value, second.loss_scale.good) == (1024.0, 5)
    for solver in (first, second):
        solver.step(3)
    for a, b in zip((*weights(first), *first.updater.history), (*weights(second), *second.updater.history)):
        np.testing.assert_array_equal(a, b)
    older = vars(read_state(state))
    older["loss_scale"] = 0.0
    write_state(state, State(**older))
    second.restore(state)
    assert second.loss_scale.value == 1024.0  # a state without one leaves it alone
    single = get_solver(path, **{**fields, "precision": "FLOAT32"})
    single.restore(state)
    assert single.loss_scale.value == 1


def test_runs_on_a_device_as_on_the_cpu(tmp_path, standin_device):
    path = write_pose(tmp_path)
    cpu, expected = trained(path, 4, precision="FLOAT16")
    other, losses = trained(path, 4, precision="FLOAT16", device=standin_device)
    np.testing.assert_allclose(losses, expected, rtol=1e-4)


def test_a_net_of_float64_cannot_be_half(tmp_path):
    with pytest.raises(SpecError, match="dtype: got 'float64', expected 'float32' for a net with float16 blobs"):
        get_solver(write_small(tmp_path), dtype="float64", precision="FLOAT16")
