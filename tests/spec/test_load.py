"""Networks and solvers as typed definitions, changes from the command line, and the files they name."""

import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import NetState, load_net, load_solver, override

NET = """
name: 3
force_backward: on
layers:
- {name: data, type: Input, input_param: {shape: {dim: [1, 3, 8, 8]}}}
- {name: conv, type: Convolution, bottom: data, convolution_param: {num_output: 010, kernel_size: 3, weight_filler: xavier}}
- {name: on, type: ReLU, bottom: conv, top: conv}
- {name: loss.1, type: EuclideanLoss, bottom: [conv, conv], loss_weight: 1e-3, propagate_down: [yes, no]}
"""


def net(layer, head="layers:\n"):
    return load_net("n.yaml", text=f"{head}- {layer}\n")


def solver(text, tmp_path, **more):
    (tmp_path / "n.yaml").write_text(NET)
    return load_solver(str(tmp_path / "s.yaml"), text=text, **more)


def test_values_have_the_type_of_their_field():
    got = load_net("n.yaml", text=NET)
    assert (got.name, got.force_backward, got.file) == ("3", True, "n.yaml")
    data, conv, on, loss = got.layers
    assert data.top == ("data",) and on.name == "on" and on.top == ("conv",)
    assert conv.parameters["convolution_param"].num_output == 10
    assert loss.loss_weight == (1e-3,) and loss.propagate_down == (True, False) and loss.top == ("loss.1",)
    assert str(loss.place) == "n.yaml:8:3"


@pytest.mark.parametrize("layer, expected", [
    ("{name: a, type: ReLU, ^botom: x}", "layer 'a' (ReLU): unknown key 'botom', did you mean 'bottom'?"),
    ("{name: a, type: ReLU, ^convolution_param: {}}", "layer 'a' (ReLU): unknown key 'convolution_param'"),
    ("{name: a, type: ^Relux}", "layer 'a': unknown layer type 'Relux', did you mean 'ReLU'?"),
    ("{name: a, type: Power, power_param: {^powr: 2}}", "layer 'a' (Power): power_param: unknown key 'powr', did you"),
    ("{name: a, type: Power, power_param: {power: ^[1, 2]}}", "layer 'a' (Power): power_param.power: got a list of 2"),
    ("{name: a, type: Power, loss_weight: ^many}", "layer 'a' (Power): loss_weight: got 'many', expected a number"),
    ("{name: a, type: Power, ^loss_weight: [1, 2]}", "layer 'a' (Power): loss_weight: got 2 number(s), expected one"),
    ("{name: a, type: Power, include: {phase: ^TRIAN}}", "layer 'a' (Power): include.phase: got 'TRIAN', expected one"),
    ("{name: a, type: Power, include: {phase: TRAIN}, ^exclude: {stage: x}}", "layer 'a' (Power): got include and exclude rules"),
])
def test_wrong_layers(layer, expected):
    """The ^ shows where the message must point."""
    with pytest.raises(SpecError) as e:
        net(layer.replace("^", ""))
    assert str(e.value).startswith(f"n.yaml:2:{layer.index('^') + 3}: {expected}")


def test_a_needed_parameter_that_is_missing():
    with pytest.raises(SpecError, match=r"^n.yaml:2:3: layer 'c' \(Convolution\): convolution_param: .*num_output"):
        net("{name: c, type: Convolution, bottom: data}")


def test_wrong_heads():
    with pytest.raises(SpecError, match=r"^n.yaml:1:1: unknown key 'layrs', did you mean 'layers'\?"):
        load_net("n.yaml", text="layrs: []\n")
    with pytest.raises(SpecError, match=r"^n.yaml:1:17: force_backward: got 'maybe', expected true or false"):
        load_net("n.yaml", text="force_backward: maybe\nlayers: []\n")
    with pytest.raises(SpecError, match=r"^n.yaml:1:1: this is a solver, expected a network"):
        load_net("n.yaml", text="net: x.yaml\n")
    with pytest.raises(SpecError, match=r"^s.yaml:1:1: this is a network, expected a solver"):
        load_solver("s.yaml", text="layers: []\n")


def test_a_solver(tmp_path):
    text = "{net: n.yaml, base_lr: 1e-3, stepvalue: 10, test_iter: [1, 2], train_state: {stage: a}, max_iter: 1e5}"
    got = solver(text, tmp_path)
    assert (got.base_lr, got.stepvalue, got.test_iter, got.max_iter) == (1e-3, (10,), (1, 2), 100000)
    assert got.train_state == NetState("TRAIN", 0, ("a",))
    assert got.net == str(tmp_path / "n.yaml") and got.file == str(tmp_path / "s.yaml")


def test_paths_of_a_solver_are_tried_from_the_current_directory_first(tmp_path, monkeypatch):
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "n.yaml").write_text(NET)
    monkeypatch.chdir(tmp_path / "here")
    assert solver("net: n.yaml", tmp_path).net == "n.yaml"


def test_wrong_solvers(tmp_path):
    for text, expected in (
        ("net: nn.yaml", r"s.yaml:1:1: net: no such file, did you mean 'n.yaml'\? \(tried 'nn.yaml', '.*nn.yaml'\)"),
        ("base_lr: 1", "s.yaml:1:1: got neither `net` nor `train_net`, expected one of them"),
        ("{net: n.yaml, train_net: n.yaml}", "got both `net` and `train_net`"),
        ("net: n.yaml\nbase_lrr: 1", r"s.yaml:2:1: unknown key 'base_lrr', did you mean 'base_lr'\?"),
        ("net: n.yaml\nlr_policy: stp", r"s.yaml:2:12: lr_policy: got 'stp', expected one of 'fixed', .*, did you mean 'step'\?"),
        ("net: n.yaml\niter_size: 0", "s.yaml:2:1: iter_size: got 0, expected at least 1"),
        ("net: n.yaml\nmax_iter: ten", "s.yaml:2:11: max_iter: got 'ten', expected a whole number"),
    ):
        with pytest.raises(SpecError, match=expected):
            solver(text, tmp_path)


def test_override_of_a_solver(tmp_path):
    got = solver("{net: x.yaml, train_state: {stage: a}}", tmp_path,
                 overrides=["net=n.yaml", "base_lr=1e-2", "stepvalue=[1, 2]", "train_state.level=3", "type=Adam"])
    assert (got.base_lr, got.stepvalue, got.type) == (1e-2, (1, 2), "Adam")
    assert got.train_state == NetState("TRAIN", 3, ("a",))


def test_override_of_a_network():
    got = load_net("n.yaml", text=NET, overrides=["conv.convolution_param.num_output=3", "loss.1.loss_weight=2", "name=x",
                                                  "conv.convolution_param.weight_filler=msra", "debug_info=true"])
    conv, loss = got.layers[1], got.layers[3]
    assert conv.parameters["convolution_param"].num_output == 3
    assert conv.parameters["convolution_param"].weight_filler.type == "msra"
    assert loss.loss_weight == (2.0,) and got.name == "x" and got.debug_info


@pytest.mark.parametrize("text, expected", [
    ("conv.convolution_param.num_outputs=3", "unknown key 'num_outputs', did you mean 'num_output'?"),
    ("conv.convolution_parm.num_output=3", "unknown key 'convolution_parm', did you mean 'convolution_param'?"),
    ("conv.convolution_param.num_output=x", "got 'x', expected a whole number"),
    ("conv.bottom.x=3", "'bottom' is a list, it has no key 'x'"),
    ("conv2.top=x", "no layer 'conv2', did you mean 'conv'?"),
    ("conv.type=ReLU", "unknown key 'type'"),
    ("layers=3", "unknown key 'layers'"),
    ("name", "expected key=value, such as base_lr=0.01"),
    ("name=[", "--set name=[: '[' is no YAML value; put text with brackets, braces or colons into quotes"),
])
def test_wrong_overrides(text, expected):
    with pytest.raises(SpecError) as e:
        override(load_net("n.yaml", text=NET), [text])
    assert str(e.value).startswith("--set") and expected in str(e.value)
