"""Every update rule over 12 iterations beside Caffe's formulas, written here as plain arithmetic on one InnerProduct layer.

Caffe's order: clip the gradients summed over iter_size, divide by iter_size, add the decay, then the rule; lr_mult and decay_mult
count for each parameter.
"""

import numpy as np
import pytest

from pycaffe_geo.solvers import get_solver
from pycaffe_geo.spec import load_solver

NET = """
layer { name: "in" type: "Input" top: "x" top: "t" input_param { shape { dim: 4 dim: 3 } shape { dim: 4 dim: 2 } } }
layer { name: "fc" type: "InnerProduct" bottom: "x" top: "y" param { lr_mult: 1 decay_mult: 1 } param { lr_mult: 2 decay_mult: 0 }
        inner_product_param { num_output: 2 } }
layer { name: "loss" type: "EuclideanLoss" bottom: "y" bottom: "t" top: "loss" loss_weight: 3 }
"""
RULES = {  # type: what its solver file says beside the rest
    "SGD": "momentum: 0.9", "Nesterov": "momentum: 0.8", "AdaGrad": "delta: 0.0625", "RMSProp": "rms_decay: 0.75 delta: 0.03125",
    "AdaDelta": "momentum: 0.875 delta: 0.0078125", "Adam": "momentum: 0.75 momentum2: 0.96875 delta: 0.03125",
}
ITERATIONS = 12


def fields(text):
    """Return {key: number} of a solver's text."""
    words = text.replace(":", "").split()
    return dict(zip(words[::2], map(float, words[1::2])))


def update(rule, p, g, rate, state, t):
    """Return what Caffe subtracts; `state` is the list of the two histories, `t` counts from 1."""
    m, v = state
    if rule == "SGD":
        state[0] = p["momentum"] * m + rate * g
        return state[0]
    if rule == "Nesterov":
        state[0] = p["momentum"] * m + rate * g
        return (1 + p["momentum"]) * state[0] - p["momentum"] * m
    if rule == "AdaGrad":
        state[0] = m + g * g
        return rate * g / (np.sqrt(state[0]) + p["delta"])
    if rule == "RMSProp":
        state[0] = p["rms_decay"] * m + (1 - p["rms_decay"]) * g * g
        return rate * g / (np.sqrt(state[0]) + p["delta"])
    if rule == "AdaDelta":
        decay, delta = p["momentum"], p["delta"]
        state[0] = decay * m + (1 - decay) * g * g
        change = g * np.sqrt((v + delta) / (state[0] + delta))
        state[1] = decay * v + (1 - decay) * change * change
        return rate * change
    b1, b2 = p["momentum"], p["momentum2"]
    state[:] = b1 * m + (1 - b1) * g, b2 * v + (1 - b2) * g * g
    return rate * np.sqrt(1 - b2**t) / (1 - b1**t) * state[0] / (np.sqrt(state[1]) + p["delta"])


def gradients(x, target, w, b):
    """Return the gradients of 3 / (2 N) |x w^T + b - target|^2."""
    d = 3 * (x @ w.T + b - target) / len(x)
    return [d.T @ x, d.sum(axis=0)]


def expected(rule, p, x, target, w, b, decay, kind, clip, iter_size):
    """Return the weights after each iteration by Caffe's formulas; the rate of iteration i is 0.125 * 0.5^(i // 5)."""
    params, states, found = [w, b], [[0.0, 0.0], [0.0, 0.0]], []
    for i in range(ITERATIONS):
        grads = [iter_size * g for g in gradients(x, target, *params)]
        norm = np.sqrt(sum((g * g).sum() for g in grads))
        if 0 <= clip < norm:
            grads = [g * clip / norm for g in grads]
        for j, (g, lr_mult, decay_mult) in enumerate(zip(grads, (1, 2), (1, 0))):
            pull = params[j] if kind == "L2" else np.sign(params[j])
            g = g / iter_size + decay * decay_mult * pull
            params[j] = params[j] - update(rule, p, g, 0.125 * 0.5 ** (i // 5) * lr_mult, states[j], i + 1)
        found.append(list(params))
    return found


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("decay, kind, clip, iter_size", [
    (0.25, "L1", -1.0, 1), (0.25, "L2", -1.0, 1), (0.25, "L2", 1.5, 1), (0.25, "L1", 1.5, 3), (0.0, "L2", 1e6, 2),
])
def test_update_rule(rule, decay, kind, clip, iter_size, tmp_path):
    (tmp_path / "net.prototxt").write_text(NET)
    text = (
        f'net: "net.prototxt" type: "{rule}" {RULES[rule]} base_lr: 0.125 lr_policy: "step" gamma: 0.5 stepsize: 5 max_iter: 100 '
        f'weight_decay: {decay} regularization_type: "{kind}" clip_gradients: {clip} iter_size: {iter_size} random_seed: 1'
    )
    solver = get_solver(load_solver(tmp_path / "solver.prototxt", text=text), dtype="float64")
    draw = np.random.default_rng(3)
    x, target, w, b = (draw.normal(size=s) for s in ((4, 3), (4, 2), (2, 3), (2,)))
    w[0, 0] = 0  # L1 leaves a weight of 0 where it is
    blobs = solver.net.params["fc"]
    for blob, value in ((solver.net.blobs["x"], x), (solver.net.blobs["t"], target), (blobs[0], w), (blobs[1], b)):
        blob.data[...] = value
    results = expected(rule, fields(RULES[rule]), x, target, w, b, decay, kind, clip, iter_size)
    for i, params in enumerate(results):
        solver.step(1)
        for blob, value in zip(blobs, params):
            np.testing.assert_allclose(blob.data, value, rtol=1e-9, atol=1e-12, err_msg=f"{blob.name}, iteration {i}")


POLICIES = {  # policy: (fields, the factor of base_lr at iteration i)
    "fixed": ("", lambda i: 1),
    "step": ("gamma: 0.5 stepsize: 3", lambda i: 0.5 ** (i // 3)),
    "exp": ("gamma: 0.75", lambda i: 0.75**i),
    "inv": ("gamma: 0.125 power: 0.75", lambda i: (1 + 0.125 * i) ** -0.75),
    "multistep": ("gamma: 0.5 stepvalue: 2 stepvalue: 2 stepvalue: 7", lambda i: 0.5 ** ((i >= 2) + (i >= 3) + (i >= 7))),
    "poly": ("power: 1.5", lambda i: (1 - i / 12) ** 1.5),
    "sigmoid": ("gamma: 0.5 stepsize: 6", lambda i: 1 / (1 + np.exp(-0.5 * (i - 6)))),
}


@pytest.mark.parametrize("policy", POLICIES)
def test_learning_rate(policy, tmp_path):
    """Two equal steps of multistep come one iteration after the other; poly reaches 0 at max_iter; sigmoid rises."""
    (tmp_path / "net.prototxt").write_text(NET)
    more, factor = POLICIES[policy]
    text = f'net: "net.prototxt" base_lr: 0.25 lr_policy: "{policy}" {more} max_iter: 12 random_seed: 1'
    solver = get_solver(load_solver(tmp_path / "solver.prototxt", text=text), dtype="float64")
    for i in range(12):
        solver.step(1)
        assert solver.lr == pytest.approx(0.25 * factor(i), rel=1e-12), f"iteration {i}"
