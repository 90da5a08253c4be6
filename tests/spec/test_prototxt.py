"""Caffe's prototxt: the syntax, the old forms, and the recorded networks of real Caffe."""

import json

import pytest

from golden import GOLDEN
from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import layer_types
from pycaffe_geo.spec import NetState, check_wiring, filter_net, load_net, load_solver
from pycaffe_geo.spec.parse import parse


def read(text):
    return parse("n.prototxt", text)


def message(text):
    with pytest.raises(SpecError) as e:
        load_net("n.prototxt", text=text)
    return str(e.value)


def test_all_of_the_syntax():
    values = read("""
        # a comment
        name: "a" 'b' "\\n\\x41\\303\\251"  # adjacent texts are one
        layer { name: "x", type: 'Input'; top: "x" }
        layer: < name: "y" dim: [1, 2] dim: 3 f: 0.5f h: -0x1F o: 010 e: MAX b: true >
    """).value
    assert values["name"].value == "ab\nAé"
    first, second = values["layer"].value
    assert str(second.place) == "n.prototxt:5:16" and str(second.key_place("dim")) == "n.prototxt:5:28"
    assert first.value["type"].value == "Input" and not first.value["type"].plain
    assert [v.value for v in second.value["dim"].value] == ["1", "2", "3"]
    assert [second.value[k].value for k in "fhoeb"] == ["0.5", -31, 8, "MAX", "true"]


def test_old_headers_become_an_input_layer():
    text = 'input: "x" input_dim: 1 input_dim: 2 input_dim: 3 input_dim: 4 layer { name: "r" type: "ReLU" bottom: "x" }'
    one = load_net("n.prototxt", text=text)
    assert one.layers[0].name == "input" and one.layers[0].top == ("x",)
    assert one.layers[0].parameters["input_param"].shape[0].dim == (1, 2, 3, 4)
    text = 'input: "x" input_shape { dim: 1 } input: "y" input_shape { dim: 2 dim: 3 } layer { name: "s" type: "Silence" }'
    two = load_net("n.prototxt", text=text)
    assert [s.dim for s in two.layers[0].parameters["input_param"].shape] == [(1,), (2, 3)]
    text = message('input: "x" input_dim: 1 input_dim: 2')
    assert text == "n.prototxt:1:12: got 2 input_dim for 1 input(s), expected four for each"


@pytest.mark.parametrize("text, expected", [
    ("", "n.prototxt:1:1: the file is empty"),
    ('name: "x', "n.prototxt:1:7: the text that begins here has no closing \" in its line"),
    ('layer {\n  name: "x"', "n.prototxt:2:12: got the end of the file, expected a key or '}'"),
    ("layer { } }", "n.prototxt:1:11: got '}', expected a key such as `layer`"),
    ("layer name", "n.prototxt:1:7: got 'name', expected ':' or '{' after 'layer'"),
    ("name: }", "n.prototxt:1:7: got '}', expected a value"),
    ("name: €", "n.prototxt:1:7: got '€', expected a key, a value or a brace"),
    ('layer { name: "x" type: "Power" power_param { power: "2" } }', "n.prototxt:1:54: layer 'x' (Power): power_param.power"),
    ('layer { name: "x" type: "Power" power_param { power: 2 power: 3 } }', "n.prototxt:1:54: layer 'x' (Power): power_param"),
    ('layer { name: "x" type: "Power" top: "\\xff" }', "n.prototxt:1:38: the escapes in this text are no UTF-8"),
    ("a {" * 5000, "n.prototxt:1:195: nested more than 64 levels deep"),
])
def test_wrong_files(text, expected):
    assert message(text).startswith(expected)


def test_an_old_solver_type(tmp_path):
    (tmp_path / "n.yaml").write_text("layers: []")
    for text in ("ADAM", "5"):
        assert load_solver(tmp_path / "s.prototxt", text=f'net: "n.yaml" solver_type: {text}').type == "Adam"


# ---- recorded from real Caffe

needs_recordings = pytest.mark.skipif(not GOLDEN.exists(), reason=f"{GOLDEN} is missing")


def recorded(folder):
    return sorted((GOLDEN / folder).glob("*.prototxt")) if GOLDEN.exists() else []


@needs_recordings
def test_rules_as_recorded():
    """Which layers real Caffe included, for 2 phases x 4 levels x 5 stage sets."""
    net = load_net(GOLDEN / "proto" / "rules.prototxt")
    states = json.loads((GOLDEN / "proto" / "rules.json").read_text())["layers_by_state"]
    assert len(states) == 40
    for state, expected in states.items():
        phase, level, stages = state.split("|")
        got = filter_net(net, NetState(phase, int(level), tuple(s for s in stages.split(",") if s)))
        assert [layer.name for layer in got.layers if layer.name != "x"] == expected, state


NETWORKS = [p for folder in ("proto", "layers", "nets") for p in recorded(folder) if p.stem != "rules"]


@needs_recordings
@pytest.mark.parametrize("path", NETWORKS, ids=lambda p: p.stem)
def test_recorded_networks_load(path):
    """Each has the layers and blobs that real Caffe reported."""
    import h5py

    with h5py.File(path.with_suffix(".h5")) as f:
        names, types, phase = json.loads(f.attrs["layer_names"]), json.loads(f.attrs["layer_types"]), f.attrs["phase"]
    missing = set(types) - set(layer_types())
    if missing:
        pytest.skip(f"no layer {min(missing)} yet")
    net = filter_net(load_net(path), NetState(phase))
    check_wiring(net)
    expected = [(n, t) for n, t in zip(names, types) if not n.endswith("_split")]
    assert [(layer.name, layer.type) for layer in net.layers] == expected


@needs_recordings
def test_recorded_solvers_load():
    paths = recorded("solvers")
    solvers = {p.name: load_solver(p) for p in paths if p.name.endswith(".solver.prototxt")}
    assert len(solvers) > 10
    got = solvers["adam_h5data_clip_iter_size2.solver.prototxt"]
    assert (got.type, got.clip_gradients, got.iter_size, got.delta, got.snapshot_after_train) == ("Adam", 0.4, 2, 1e-8, False)
    assert got.net.endswith("net_h5data.prototxt")
