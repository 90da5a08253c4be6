"""Update rules: plain formulas as the oracle, tiles, frozen parameters and decay. test_golden.py compares with Caffe."""

import h5py
import numpy as np
import pytest

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import SpecError
from pycaffe_geo.ops import threads
from pycaffe_geo.solvers import get_solver, rules
from pycaffe_geo.solvers.rules import RULES, Updater
from pycaffe_geo.spec import SolverDef, load_net

TASK = """
layers:
- {name: x, type: Input, input_param: {shape: {dim: [4, 5]}}}
- {name: y, type: InnerProduct, bottom: x, inner_product_param: {num_output: 3, weight_filler: xavier}}
- {name: loss, type: Reduction, bottom: y, reduction_param: {operation: SUMSQ}, loss_weight: 1}
"""
RATE, LR_MULT, DECAY, DECAY_MULT, SCALE = 0.05, 2.0, 0.1, 0.5, 0.25


def expected(kind, w, gradients, l1=False, m1=0.9, m2=0.99, delta=1e-3):
    """Return the weights after the updates, by textbook loops on whole arrays."""
    rate, h, v = RATE * LR_MULT, np.zeros_like(w), np.zeros_like(w)
    for t, gradient in enumerate(gradients, 1):
        g = gradient * SCALE + DECAY * DECAY_MULT * (np.sign(w) if l1 else w)
        if kind == "Adam":
            h, v = m1 * h + (1 - m1) * g, m2 * v + (1 - m2) * g**2
            w = w - rate * np.sqrt(1 - m2**t) / (1 - m1**t) * h / (np.sqrt(v) + delta)
        elif kind == "AdaGrad":
            h = h + g**2
            w = w - rate * g / (np.sqrt(h) + delta)
        elif kind == "RMSProp":
            h = m2 * h + (1 - m2) * g**2
            w = w - rate * g / (np.sqrt(h) + delta)
        elif kind == "AdaDelta":
            h = m1 * h + (1 - m1) * g**2
            u = g * np.sqrt((v + delta) / (h + delta))
            v = m1 * v + (1 - m1) * u**2
            w = w - rate * u
        elif kind == "Nesterov":
            before, h = h, m1 * h + rate * g
            w = w - ((1 + m1) * h - m1 * before)
        else:
            h = m1 * h + rate * g
            w = w - h
    return w


@pytest.mark.parametrize("parts", [1, 2, 16])
@pytest.mark.parametrize("regularization", ["L1", "L2"])
@pytest.mark.parametrize("kind", ["SGD", "Nesterov", "Adam", "AdaGrad", "RMSProp", "AdaDelta"])
def test_updates_follow_the_formula_over_several_tiles(kind, regularization, parts, monkeypatch):
    monkeypatch.setattr(rules, "TILE", 8)
    monkeypatch.setattr(threads, "parts", lambda: parts)
    rng = np.random.default_rng(0)
    start, gradients = rng.normal(size=(3, 7)), rng.normal(size=(4, 3, 7))
    options = dict(momentum2=0.99, rms_decay=0.99, delta=1e-3, weight_decay=DECAY, regularization_type=regularization)
    solver = SolverDef(type=kind, momentum=0.0 if kind in ("AdaGrad", "RMSProp") else 0.9, **options)
    blob, still = Blob((3, 7), "float64"), Blob((2,), "float64")
    blob.data, still.data = start, 1.0
    updater = Updater(solver, [blob, still], [LR_MULT, 0.0], [DECAY_MULT, 1.0])
    for t, gradient in enumerate(gradients):
        before = blob.data.copy()
        blob.diff, still.diff = gradient, 1.0
        updater.apply(RATE, t, SCALE)
        np.testing.assert_allclose(blob.diff, before - blob.data, atol=1e-15)
    np.testing.assert_allclose(blob.data, expected(kind, start, gradients, regularization == "L1"), rtol=1e-12)
    assert (still.data == 1).all()


def test_history_is_in_caffes_order():
    blobs = [Blob((3,)), Blob((5, 2))]
    updater = Updater(SolverDef(type="Adam", momentum=0.9), blobs, [1, 1], [1, 1])
    assert [h.size for h in updater.history] == [3, 10, 3, 10]
    blobs[1].diff = 2.0
    updater.apply(0.1, 0)
    np.testing.assert_allclose(updater.history[1], 0.2, rtol=1e-6)
    np.testing.assert_allclose(updater.history[3], 0.004, rtol=1e-6)


def test_unknown_type_names_the_nearest():
    with pytest.raises(SpecError) as e:
        Updater(SolverDef(type="Nestrov", file="s.yaml"), [], [], [])
    assert str(e.value).startswith("s.yaml: solver type 'Nestrov' is not known, expected one of 'SGD'")
    assert str(e.value).endswith("did you mean 'Nesterov'?")
    assert {"SGD", "Nesterov", "Adam", "AdaGrad", "RMSProp", "AdaDelta"} <= set(RULES)


@pytest.mark.parametrize(
    "options, text",
    [
        (dict(type="AdaGrad", momentum=0.9), "momentum is 0.9, expected 0: type AdaGrad has none"),
        (dict(type="RMSProp", momentum=0.5), "momentum is 0.5, expected 0: type RMSProp has none"),
    ],
)
def test_fields_a_rule_cannot_take(options, text):
    with pytest.raises(SpecError, match=f"^s.yaml: {text}$"):
        Updater(SolverDef(file="s.yaml", **options), [], [], [])


@pytest.mark.parametrize("kind", sorted(RULES))
def test_a_state_as_caffe_writes_it_resumes(kind, tmp_path):
    net = load_net("n.yaml", TASK)
    momentum = 0.0 if kind in ("AdaGrad", "RMSProp") else 0.9
    options = dict(net=net, type=kind, momentum=momentum, base_lr=0.02, random_seed=3, snapshot_prefix=str(tmp_path / "s"))
    straight = get_solver(SolverDef(**options), dtype="float64")
    straight.net.blobs["x"].data[...] = np.random.default_rng(1).normal(size=(4, 5))
    straight.step(4)
    _, state = straight.snapshot()
    with h5py.File(state, "a") as f:
        del f["pycaffe_geo"]  # the rest is Caffe's layout
        assert len(f["history"]) == 2 * straight.updater.rule.slots
    straight.step(3)
    resumed = get_solver(SolverDef(**options), dtype="float64")
    resumed.net.blobs["x"].data[...] = straight.net.blobs["x"].data
    resumed.restore(state)
    resumed.step(3)
    np.testing.assert_array_equal(resumed.net.params["y"][0].data, straight.net.params["y"][0].data)
