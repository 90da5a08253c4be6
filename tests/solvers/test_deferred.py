"""Training on a device with kernels: losses and checks that come late, recorded iterations. All is as it is on the CPU."""

import logging
import math
import re

import numpy as np
import pytest
from solver_files import NET, SOLVER, write_pose, write_small

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.errors import NumericError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.callback import Callback

# Without Dropout, whose draws differ between a CPU and a GPU.
PLAIN = NET.replace("- {name: drop, type: Dropout, bottom: ip1, dropout_param: {dropout_ratio: 0.3}}\n", "").replace(
    "InnerProduct, bottom: drop", "InnerProduct, bottom: ip1")


def before_ip2(name, type_name):
    """Return PLAIN with one more layer, between ip1 and ip2."""
    layer = f"- {{name: {name}, type: {type_name}, bottom: ip1}}\n- {{name: ip2, type: InnerProduct, bottom: {name}"
    return PLAIN.replace("- {name: ip2, type: InnerProduct, bottom: ip1", layer)


@register
class WaitsTest(Layer):
    """Passes data on, and looks at a value."""

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        assert float(bottom[0].data.sum()) == float(bottom[0].data.sum())
        top[0].data[...] = bottom[0].data

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = top[0].diff


class Losses(Callback):
    """What a run shows."""

    def __init__(self):
        self.shown = []

    def displayed(self, solver, report):
        self.shown.append((report.iteration, report.phase, report.lr, report.loss, report.values))

    tested = displayed


class Counter:
    """Counts what a recorder does."""

    def __init__(self, device, monkeypatch):
        self.ran = self.recorded = self.launched = 0
        plain, counter = device.recorder(), self

        class Counting:
            def run(self, call):
                counter.ran += 1
                plain.run(call)

            def record(self, call):
                counter.recorded += 1
                return plain.record(call)

            def launch(self, graph):
                counter.launched += 1
                plain.launch(graph)

        monkeypatch.setattr(device, "recorder", Counting)

    @property
    def counts(self):
        return self.ran, self.recorded, self.launched


def train(path, device, iterations=12, **fields):
    """Return what a run shows, and its weights and history after `iterations`."""
    seen = Losses()
    solver = get_solver(path, device=device, callbacks=[seen], **fields)
    solver.step(iterations)
    return seen.shown, [asnumpy(a) for a in (*(b.data for b in solver.net.learnable), *solver.updater.history)]


@pytest.mark.parametrize("fields", [
    {},
    {"type": "Adam", "iter_size": 2, "clip_gradients": 0.3},
    {"lr_policy": "step", "stepsize": 3, "gamma": 0.5, "clip_gradients": 0.5},
])
def test_as_on_the_cpu(fields, tmp_path, kernel_gpu):
    path = write_small(tmp_path, PLAIN)
    (expected, arrays), (shown, found) = (train(path, device, dtype="float64", **fields) for device in (None, kernel_gpu))
    for a, b in zip(shown, expected):
        assert a[:2] == b[:2]
        np.testing.assert_allclose(a[2:4], b[2:4], rtol=1e-9)
        assert a[4] == pytest.approx(b[4], rel=1e-9)
    assert [s[0] for s in shown] == [0, 0, 5, 10]
    for a, b in zip(found, arrays):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("write, iterations, fields", [
    (write_small, 12, {"type": "Adam", "clip_gradients": 0.3, "lr_policy": "step", "stepsize": 3, "gamma": 0.5}),
    (write_small, 12, {"type": "Nesterov", "iter_size": 3}),
    (write_pose, 4, {"type": "Adam", "test_initialization": False}),
    (write_small, 4, {"precision": "FLOAT16", "loss_scale": 256.0}),
])
def test_recorded_iterations_are_the_plain_ones_bit_for_bit(write, iterations, fields, tmp_path, kernel_gpu, monkeypatch):
    path, counter = write(tmp_path), Counter(kernel_gpu, monkeypatch)
    shown, arrays = train(path, kernel_gpu, iterations, capture="off", **fields)
    assert counter.counts == (0, 0, 0)
    again, recorded = train(path, kernel_gpu, iterations, capture="auto", **fields)
    steps = fields.get("iter_size", 1)
    parts, pieces = (1, 1) if steps == 1 else (3, steps + 2)
    assert counter.ran == parts and counter.recorded == parts and counter.launched == (iterations - 1) * pieces - parts
    assert shown == again  # learning rates, losses of the window and tests too
    for a, b in zip(arrays, recorded):
        np.testing.assert_array_equal(a, b)


def test_a_buffer_that_moves_and_a_new_shape_are_recorded_again(tmp_path, emulated_gpu, monkeypatch):
    path = write_small(tmp_path, NET.replace("type: HDF5Data, top: [data, target], hdf5_data_param: "
                                             "{source: DATA, batch_size: 4, shuffle: true}",
                                             "type: Input, top: [data, target], input_param: "
                                             "{shape: [{dim: [4, 5]}, {dim: [4, 3]}]}"))
    counter, weights = Counter(emulated_gpu, monkeypatch), []
    for capture in ("off", "auto"):
        solver = get_solver(path, device=emulated_gpu, capture=capture, test_iter=(), test_interval=0)
        for i, count in enumerate([4] * 5 + [6] * 4):
            for name, size in (("data", 5), ("target", 3)):
                blob = solver.net.blobs[name]
                blob.reshape(count, size)
                blob.data[...] = emulated_gpu.asarray(np.random.default_rng(i).normal(size=blob.shape), "float32")
            if i == 3:
                emulated_gpu.moves += 1  # as when a test net needs more scratch than any before
            solver.step()
        weights.append([asnumpy(b.data) for b in solver.net.learnable])
    assert counter.recorded == 3 and counter.launched == 8 - counter.ran and counter.ran < 6
    for a, b in zip(*weights):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("capture", ["off", "auto"])
def test_the_layer_that_made_a_nan_is_found_late(capture, tmp_path, emulated_gpu):
    path = write_small(tmp_path, before_ip2("bad", "BadGradientTest"))
    fields = dict(display=0, test_iter=(), test_interval=0)
    before = get_solver(path, device=emulated_gpu, capture="off", **fields)
    before.step(4)
    weights = [asnumpy(b.data).copy() for b in before.net.learnable]
    solver = get_solver(path, device=emulated_gpu, capture="off", **fields)
    with pytest.raises(NumericError) as e:
        solver.step(9)
    text = str(e.value)
    assert text.startswith("iteration 4, backward: ") and "layer 'bad' (BadGradientTest): blob 'ip1': 1 of 32 values" in text
    assert "the gradients' norm is nan; noticed after iteration 8" in text
    assert solver.iter == 4 and solver.net.positions() == {"data": 5}
    for blob, array in zip(solver.net.learnable, weights):
        np.testing.assert_array_equal(asnumpy(blob.data), array)  # nothing was learnt from it


def test_no_snapshot_is_written_once_a_number_was_not_finite(tmp_path, emulated_gpu):
    import h5py

    path = write_small(tmp_path, PLAIN)
    with h5py.File(tmp_path / "data.h5", "r+") as f:
        f["data"][:, 2] = np.nan
    solver = get_solver(path, device=emulated_gpu, display=0, test_iter=(), test_interval=0, snapshot=3)
    with pytest.raises(NumericError, match="iteration 0, forward: .*layer 'data' .*the loss is nan; noticed after iteration 2"):
        solver.step(5)
    assert not (tmp_path / "run").exists()


def test_the_smoothed_loss_can_be_read_at_any_time_and_resumed(tmp_path, emulated_gpu):
    path, found = write_small(tmp_path, PLAIN), []
    for device in (None, emulated_gpu):
        solver = get_solver(path, device=device, dtype="float64", average_loss=3, display=0)
        assert math.isnan(solver.loss)
        solver.step(5)
        seen = [solver.loss]
        state = solver.snapshot()[1]
        solver.step(2)
        solver.restore(state)
        seen.append(solver.loss)
        solver.step(1)
        found.append([*seen, solver.loss])
    np.testing.assert_allclose(*found, rtol=1e-9)


def test_what_cannot_be_recorded_is_told_once(tmp_path, emulated_gpu, caplog):
    python = PLAIN + "- {name: mine, type: Python, bottom: ip2, python_param: {module: looks_layer, layer: Looks}}\n"
    (tmp_path / "looks_layer.py").write_text(
        "import caffe\n\n\nclass Looks(caffe.Layer):\n    def setup(self, bottom, top):\n        pass\n\n"
        "    def reshape(self, bottom, top):\n        pass\n\n    def forward(self, bottom, top):\n        pass\n\n"
        "    def backward(self, top, propagate_down, bottom):\n        pass\n")
    waits = before_ip2("look", "WaitsTest")
    for net, fields, text in (
        (python, {}, "capture: off, because .*layer 'mine' .Python. works on the host in every iteration"),
        (PLAIN, {"precision": "FLOAT16"}, "capture: off, because the loss scale follows the gradients; a fixed one"),
        (PLAIN, {"debug_info": True}, "capture: off, because debug_info shows diffs before the update"),
        (waits, {}, "capture: off from now on, because .*layer 'look' .WaitsTest. cannot be recorded: .*captur"),
    ):
        caplog.clear()
        path = write_small(tmp_path, net, SOLVER)
        with caplog.at_level(logging.WARNING):
            _, found = train(path, emulated_gpu, 6, **fields)
        messages = [r.getMessage() for r in caplog.records if "capture" in r.getMessage()]
        assert len(messages) == 1
        assert re.match(text, messages[0])
        _, expected = train(path, emulated_gpu, 6, capture="off", **fields)
        for a, b in zip(found, expected):
            np.testing.assert_array_equal(a, b)
