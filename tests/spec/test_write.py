"""to_yaml and back: the same definition, places aside, in short forms."""

import dataclasses
import math

import pytest

from pycaffe_geo.spec import LayerDef, NetDef, NetState, SolverDef, load_net, load_solver, to_yaml
from pycaffe_geo.spec.typed import build, convert
from pycaffe_geo.spec.write import _flow
from pycaffe_geo.spec.read_yaml import read_yaml

NET = """
name: 'a "b": #c'
modules:
  m:
    params: {n: }
    bottom: x
    top: c
    layers:
    - {name: c, type: Convolution, bottom: x,
       convolution_param: {num_output: $n, kernel_size: [3, 5], weight_filler: {type: gaussian, std: 0.01}}}
    - {name: r, type: ReLU, bottom: c, top: c, relu_param: {negative_slope: 0.1}}
layers:
- {name: data, type: Input, top: [x, y], input_param: {shape: [{dim: [1, 3, 8, 8]}, {dim: 4}]},
   include: [{phase: TRAIN, stage: [on, 'a b']}, {min_level: 0}]}
- {name: f, module: m, n: 4, bottom: x}
- {name: g, share: f, bottom: x}
- {name: p, type: InnerProduct, bottom: f, param: [{lr_mult: 0}, {name: w, decay_mult: 1e-30}],
   inner_product_param: {num_output: 2}}
- {name: "true", type: EuclideanLoss, bottom: [p, p], loss_weight: 0.1, propagate_down: [true, false]}
- {name: none, type: Silence, bottom: g}
"""


def bare(net):
    layers = tuple(dataclasses.replace(layer, place=None) for layer in net.layers)
    return dataclasses.replace(net, layers=layers, file="")


def test_a_network_goes_round():
    net = load_net("n.yaml", text=NET)
    text = to_yaml(net)
    again = load_net("n.yaml", text=text)
    assert bare(again) == bare(net)
    assert to_yaml(again) == text


def test_the_text_is_short():
    lines = to_yaml(load_net("n.yaml", text=NET)).splitlines()
    assert lines[:2] == ['name: "a \\"b\\": #c"', "layers:"]
    assert "- {name: f_r, type: ReLU, bottom: f, top: f, relu_param: {negative_slope: 0.1}}" in lines
    assert "- {name: none, type: Silence, bottom: g}" in lines
    assert max(map(len, lines)) <= 130


def test_every_default_of_every_layer_goes_round():
    """A layer's parameters at their defaults are left out of the text, and come back."""
    from pycaffe_geo.layer import layer_types

    for name, cls in layer_types().items():
        try:
            parameters = {key: build(kind, {}) for key, kind in cls.parameters.items()}
        except Exception:  # a parameter of it must be given
            continue
        layer = LayerDef("x", name, top=("x",), parameters=parameters)
        assert bare(load_net("n.yaml", text=to_yaml(NetDef(layers=(layer,))))).layers == (layer,), name


def test_a_solver_goes_round(tmp_path):
    (tmp_path / "n.yaml").write_text(NET)
    states = {"train_state": NetState("TRAIN", 0, ("a",)), "test_state": (NetState(level=2), NetState())}
    values = {"base_lr": 1e-3, "stepvalue": (5,), "test_iter": (1, 2), "test_initialization": False, "freeze": ("conv*", "a: b")}
    solver = SolverDef(net=str(tmp_path / "n.yaml"), **values, **states)
    path = tmp_path / "s.yaml"
    path.write_text(to_yaml(solver))
    assert dataclasses.replace(load_solver(path), file="") == solver
    assert "momentum" not in path.read_text() and "stepvalue: 5" in path.read_text()


@pytest.mark.parametrize("value", [
    0.1, 1e-8, 1 / 3, 5e-324, 1.7976931348623157e308, 1e22, -0.0, 123456789.125, 1e15, 2.0, math.inf, -math.inf, -7.5e-5
])
def test_numbers_come_back_exactly(value):
    node = read_yaml(f"v: {_flow(value)}", "x").value["v"]
    assert repr(convert(float, node)) == repr(value)


@pytest.mark.parametrize("value", [
    "", "on", "null", "~", "010", "1e-3", "a b", "a: b", "- a", "#x", "x #y", "{a}", "'", '"', "\\n", "two\nlines", "\ttab", "é",
    "中", "\x7f\x85\u2028", "😀", "$n", "*a", "&a", "!a", "%a", "@a", "`a", "---", "...", "?", "a,b", "[", "=", "<<", " a ",
    "{'k': [1, 2]}",
])
def test_texts_come_back_exactly(value):
    assert convert(str, read_yaml(f"v: [{_flow(value)}]", "x").value["v"].value[0]) == value
