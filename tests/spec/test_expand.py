"""Modules, parameters, repeat, share and include, written out as the layers they stand for."""

import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import load_net

MODULE = """
name: t
modules:
  conv_relu:
    params: {n: , k: 3, stride: 1}
    bottom: x
    top: relu
    layers:
    - {name: conv, type: Convolution, bottom: x,
       convolution_param: {pad: $(k // 2), num_output: $n, kernel_size: $k, stride: $stride}}
    - {name: relu, type: ReLU, bottom: conv, top: relu}
"""
DATA = "- {name: data, type: Input, input_param: {shape: {dim: [1, 3, 8, 8]}}}\n"


def net(layers, head=MODULE):
    return load_net("n.yaml", text=f"{head}layers:\n{DATA}{layers}")


def wires(definition):
    return {layer.name: (layer.bottom, layer.top) for layer in definition.layers[1:]}


def message(layers, head=MODULE):
    with pytest.raises(SpecError) as e:
        net(layers, head)
    return str(e.value)


ARCHITECTURE = MODULE + """
layers:
- {name: data, type: RGBDPairData, top: [src, tgt, depth, intrinsics, pose],
   rgbd_pair_data_param: {source: rooms_train, batch_size: 16}, include: {phase: TRAIN}}
- {name: both, type: Concat, bottom: [src, tgt]}
- {name: b1, module: conv_relu, n: 32, k: 7, stride: 2, bottom: both}
- {name: deep, module: conv_relu, n: 64, stride: 2, bottom: b1, repeat: 3}
- {name: xi, type: InnerProduct, bottom: deep, inner_product_param: {num_output: 6}}
- {name: T, type: SE3Generator, bottom: xi}
- {name: points, type: Transform3DGrid, bottom: [depth, T, intrinsics]}
- {name: projection, type: PinholeProjection, bottom: [points, intrinsics], top: [flow, coords, seen]}
- {name: warped, type: InverseWarping, bottom: [src, coords]}
- {name: photometric, type: AbsLoss, bottom: [warped, tgt, seen], loss_weight: 1.0e-3}
"""


def test_the_example_of_the_architecture():
    got = load_net("n.yaml", text=ARCHITECTURE)
    assert wires(got) == {
        "both": (("src", "tgt"), ("both",)),
        "b1_conv": (("both",), ("b1_conv",)),
        "b1_relu": (("b1_conv",), ("b1",)),
        "deep_0_conv": (("b1",), ("deep_0_conv",)),
        "deep_0_relu": (("deep_0_conv",), ("deep_0",)),
        "deep_1_conv": (("deep_0",), ("deep_1_conv",)),
        "deep_1_relu": (("deep_1_conv",), ("deep_1",)),
        "deep_2_conv": (("deep_1",), ("deep_2_conv",)),
        "deep_2_relu": (("deep_2_conv",), ("deep",)),
        "xi": (("deep",), ("xi",)),
        "T": (("xi",), ("T",)),
        "points": (("depth", "T", "intrinsics"), ("points",)),
        "projection": (("points", "intrinsics"), ("flow", "coords", "seen")),
        "warped": (("src", "coords"), ("warped",)),
        "photometric": (("warped", "tgt", "seen"), ("photometric",)),
    }
    by_name = {layer.name: layer for layer in got.layers}
    first, deep = (by_name[n].parameters["convolution_param"] for n in ("b1_conv", "deep_2_conv"))
    assert (first.num_output, first.kernel_size, first.stride, first.pad) == (32, (7,), (2,), (3,))
    assert (deep.num_output, deep.kernel_size, deep.stride, deep.pad) == (64, (3,), (2,), (1,))
    assert by_name["photometric"].loss_weight == (1e-3,)
    assert by_name["data"].include[0].phase == "TRAIN"


def test_repeat_numbers_its_instances():
    got = net("- {name: d, module: conv_relu, n: $(8 * (i + 1)), bottom: data, repeat: 3}\n")
    assert [layer.parameters["convolution_param"].num_output for layer in got.layers[1::2]] == [8, 16, 24]


def test_repeat_of_a_plain_layer_and_of_one():
    got = net("- {name: p, type: Power, bottom: data, repeat: 2, top: y}\n- {name: q, type: Power, bottom: y, repeat: 1}\n")
    assert wires(got) == {"p_0": (("data",), ("p_0",)), "p_1": (("p_0",), ("y",)), "q_0": (("y",), ("q",))}


def test_share_repeats_a_module_with_the_same_parameters():
    got = net("- {name: src, module: conv_relu, n: 4, bottom: data, repeat: 2}\n"
              "- {name: tgt, share: src, bottom: data}\n"
              "- {name: third, share: tgt, bottom: tgt}\n")
    layers = {layer.name: layer for layer in got.layers}
    assert layers["tgt_1_conv"].bottom == ("tgt_0",) and layers["tgt_1_relu"].top == ("tgt",)
    for name in ("src_1_conv", "tgt_1_conv", "third_1_conv"):
        assert layers[name].param_spec(0).name == "src_1_conv[0]"
        assert layers[name].param_spec(1).name == "src_1_conv[1]"
    assert layers["src_0_conv"].param_spec(0).name == "src_0_conv[0]"
    assert layers["third_0_conv"].parameters == layers["src_0_conv"].parameters


def test_share_keeps_what_param_gives():
    got = net("- {name: a, type: InnerProduct, bottom: data, param: [{name: w, lr_mult: 2}],\n"
              "   inner_product_param: {num_output: 2}}\n"
              "- {name: b, share: a, bottom: data}\n"
              "- {name: c, type: InnerProduct, share: b, bottom: data, inner_product_param: {num_output: 2}}\n")
    a, b, c = got.layers[1:]
    assert b.param_spec(0) == a.param_spec(0) and b.param_spec(0).lr_mult == 2
    assert (c.share, c.param_spec(0).name, c.param_spec(1).name) == ("a", "w", "a[1]")


NESTED = MODULE + """
  two:
    params: {n: , first: $(n * 2), filler: {type: xavier}}
    bottom: [left, right]
    top: [a, b]
    layers:
    - {name: a, module: conv_relu, n: $first, bottom: left}
    - {name: b, share: a, bottom: right}
    - {name: own, type: InnerProduct, bottom: a, inner_product_param: {num_output: 2, weight_filler: $filler}}
    - {name: quiet, type: Silence, bottom: own}
"""


def test_modules_inside_modules():
    got = net("- {name: m, module: two, n: 3, bottom: [data, data], include: {phase: TEST}}\n", NESTED)
    layers = {layer.name: layer for layer in got.layers[1:]}
    assert list(layers) == ["m_a_conv", "m_a_relu", "m_b_conv", "m_b_relu", "m_own", "m_quiet"]
    assert layers["m_a_relu"].top == ("m_a",) and layers["m_own"].bottom == ("m_a",) and layers["m_quiet"].top == ()
    assert layers["m_a_conv"].parameters["convolution_param"].num_output == 6
    assert layers["m_b_conv"].share == "m_a_conv"
    assert layers["m_own"].parameters["inner_product_param"].weight_filler.type == "xavier"
    assert all(layer.include[0].phase == "TEST" for layer in layers.values())


def test_tops_of_a_module_can_be_named():
    got = net("- {name: m, module: two, n: 3, bottom: [data, data], top: [l, r]}\n", NESTED)
    assert {layer.name: layer.top for layer in got.layers if layer.type == "ReLU"} == {"m_a_relu": ("l",), "m_b_relu": ("r",)}


def test_prefix_replaces_the_name_of_an_instance_inside():
    first = "- {name: a, module: conv_relu, n: 2, prefix: '', bottom: data}\n"
    second = "- {name: b, module: conv_relu, n: 2, prefix: p, bottom: a}\n"
    found = wires(net(first + second + "- {name: c, share: a, bottom: b}\n"))
    assert found == {
        "conv": (("data",), ("conv",)), "relu": (("conv",), ("a",)),
        "p_conv": (("a",), ("p_conv",)), "p_relu": (("p_conv",), ("b",)),
        "c_conv": (("b",), ("c_conv",)), "c_relu": (("c_conv",), ("c",)),
    }
    assert "already taken" in message(first + DATA.replace("data", "conv", 1))


def test_include_brings_modules_relative_to_the_file(tmp_path):
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "base.yaml").write_text(MODULE)
    more = "include: base.yaml\n" + module("m2", "{name: y, module: conv_relu, n: 2, bottom: x}")
    (tmp_path / "parts" / "more.yaml").write_text(more)
    path = tmp_path / "n.yaml"
    path.write_text(f"include: [parts/more.yaml, parts/base.yaml]\nlayers:\n{DATA}- {{name: z, module: m2, bottom: data}}\n")
    assert [layer.name for layer in load_net(path).layers] == ["data", "z_y_conv", "z_y_relu"]


def test_files_that_include_themselves(tmp_path):
    (tmp_path / "a.yaml").write_text("include: b.yaml\nlayers: []\n")
    (tmp_path / "b.yaml").write_text("name: b\ninclude: [c.yaml]\n")
    (tmp_path / "c.yaml").write_text("include: [b.yaml]\n")
    with pytest.raises(SpecError, match=r"c.yaml:1:11: the file includes itself: b.yaml -> c.yaml -> b.yaml$"):
        load_net(tmp_path / "a.yaml")
    (tmp_path / "self.yaml").write_text("include: self.yaml\nlayers: []\n")
    with pytest.raises(SpecError, match=r"self.yaml:1:10: the file includes itself: self.yaml -> self.yaml$"):
        load_net(tmp_path / "self.yaml")


def test_wrong_includes(tmp_path):
    path = tmp_path / "n.yaml"
    (tmp_path / "alexnet.yaml").write_text(f"{MODULE}layers: []\n")
    path.write_text("include: alexnt.yaml\nlayers: []\n")
    with pytest.raises(SpecError, match=r"n.yaml:1:10: include: no such file '.*alexnt.yaml', did you mean 'alexnet.yaml'\?"):
        load_net(path)
    path.write_text("include: alexnet.yaml\nlayers: []\n")
    with pytest.raises(SpecError, match=r"alexnet.yaml:12:1: an included file: unknown key 'layers'.*brings modules only"):
        load_net(path)
    (tmp_path / "alexnet.yaml").write_text(MODULE)
    path.write_text(f"include: alexnet.yaml\n{MODULE}layers: []\n")
    with pytest.raises(SpecError, match=r"n.yaml:5:3: the module 'conv_relu' is already defined at .*alexnet.yaml:4:3"):
        load_net(path)


@pytest.mark.parametrize("entry, expected", [
    ("^{name: m, module: conv_relu, bottom: data}", "'m' (module 'conv_relu'): the parameter 'n' must be given"),
    ("{name: m, module: conv_relu, n: 2, ^kk: 3, bottom: data}", "'m' (module 'conv_relu'): unknown key 'kk', did you"),
    ("{name: m, module: ^conv_rel, n: 2, bottom: data}", "'m': unknown module 'conv_rel', did you mean 'conv_relu'?"),
    ("^{name: m, module: conv_relu, n: 2}", "'m' (module 'conv_relu'): got 0 bottom(s), expected 1 (x)"),
    ("{name: m, module: conv_relu, n: 2, bottom: data, ^top: [a, b]}", "'m' (module 'conv_relu'): got 2 top(s), expected 1"),
    ("{name: m, module: conv_relu, n: ^two, bottom: data}", "layer 'm_conv' (Convolution): convolution_param.num_output: got"),
    ("{name: m, module: conv_relu, n: ^$w, bottom: data}", "unknown parameter '$w' (known here: none)"),
    ("{name: m, module: conv_relu, n: ^a$b, bottom: data}", "got 'a$b', expected a parameter $n or arithmetic $(...)"),
    ("{name: m, module: conv_relu, n: ^$(2 ** 3), bottom: data}", "'$(2 ** 3)': got '*', expected a number or a parameter"),
    ("{name: m, module: conv_relu, n: 2, bottom: data, repeat: ^0}", "'m': repeat: got 0, expected 1 to 20000"),
    ("{name: m, type: Power, bottom: data, repeat: ^1000000000}", "'m': repeat: got 1000000000, expected 1 to 20000"),
    ("^{name: m, type: Slice, bottom: data, top: [a, b], repeat: 2}", "'m': repeat: "),
    ("{name: m, share: ^dta, bottom: data}", "'m': share: no layer or module instance 'dta' stands before it, did you mean"),
    ("{name: m, share: data, ^n: 3}", "'m': unknown key 'n'"),
    ("^{name: m, type: Power, share: dat, bottom: data}", "layer 'm' (Power): share: no layer 'dat' stands before it"),
    ("^{name: m}", "layer 'm': expected a `type`, a `module` or a `share`"),
    ("^{type: Power}", "a layer without a `name`"),
    ("{name: ^[1], type: Power}", "name: got a list of 1, expected a text"),
    ("^{name: data, type: Power, bottom: data}", "layer 'data' (Power): the name 'data' is already taken at n.yaml:13:3"),
    ("^[1]", "layers: got a list of 1, expected a layer such as"),
    ("{name: m, type: ^Powr, bottom: data}", "layer 'm': unknown layer type 'Powr', did you mean 'Power'?"),
])
def test_wrong_entries(entry, expected):
    """The ^ shows where the message must point."""
    text = message(f"- {entry.replace('^', '')}\n")
    assert text.startswith(f"n.yaml:14:{entry.index('^') + 3}: {expected}")


def test_an_argument_that_does_not_fit_the_arithmetic():
    text = message("- {name: m, module: conv_relu, n: 2, k: a, bottom: data}\n")
    assert text == "n.yaml:10:33: '$(k // 2)': the parameter 'k' is 'a' (given at n.yaml:14:41), expected a number"


def test_share_needs_a_bottom():
    text = message("- {name: a, type: Power, bottom: data}\n- {name: b, share: a}\n")
    assert text.startswith("n.yaml:15:3: 'b': share: expected a `bottom` of its own, as 'a' has one")


def test_two_equal_expanded_names():
    text = message("- {name: m, module: conv_relu, n: 2, bottom: data}\n- {name: m_conv, type: Power, bottom: data}\n")
    assert text == "n.yaml:15:3: layer 'm_conv' (Power): the name 'm_conv' is already taken at n.yaml:9:7"


@pytest.mark.parametrize("module, expected", [
    ("{params: {^name: }, layers: []}", "'name' cannot be the name of a parameter"),
    ("{^bottm: x, layers: []}", "unknown key 'bottm', did you mean 'bottom'?"),
    ("{bottom: x, ^top: x, layers: []}", "top 'x' is also its bottom"),
    ("{^bottom: [x, x], layers: []}", "bottom: a name stands twice"),
    ("^{bottom: x}", "there are no `layers`"),
    ("^{layers: [], layer: []}", "both `layers` and `layer` are there"),
    ("^3", "got '3', expected a mapping with keys"),
])
def test_wrong_modules(module, expected):
    text = message("", f"modules:\n  bad: {module.replace('^', '')}\n")
    assert text.startswith(f"n.yaml:2:{module.index('^') + 8}: module 'bad': {expected}")


def module(name, layer, head=True):
    """Return the text of a module of one layer."""
    return ("modules:\n" if head else "") + f"  {name}:\n    bottom: x\n    top: y\n    layers:\n    - {layer}\n"


def inside(layer):
    return message("- {name: a, module: m, bottom: data}\n", module("m", layer))


def test_blobs_inside_a_module():
    text = inside("{name: y, type: Power, bottom: data}")
    assert text.startswith("n.yaml:6:38: 'a' (module 'm'): no layer of the module makes the blob 'data'")
    assert text.endswith("blobs from outside come in by the module's `bottom`")
    text = inside("{name: z, type: Power, bottom: x}")
    assert text.startswith("n.yaml:2:3: 'a' (module 'm'): no layer of the module makes its top 'y'")


def test_rules_of_an_instance_and_of_its_layer():
    head = module("m", "{name: y, type: Power, bottom: x, exclude: {phase: TEST}}")
    text = message("- {name: a, module: m, bottom: data, include: {stage: s}}\n", head)
    assert text.startswith("n.yaml:6:41: layer 'a_y': exclude: its module instance 'a' (module 'm') has rules too")


def test_modules_that_contain_themselves():
    pairs = (("a", "b"), ("b", "c"), ("c", "b"))
    head = "".join(module(a, f"{{name: y, module: {b}, bottom: x}}", head=a == "a") for a, b in pairs)
    text = message("- {name: q, module: a, bottom: data}\n", head)
    assert text.startswith("n.yaml:16:7: 'q_y_y_y' (module 'b'): the module contains itself: b -> c -> b")


def test_a_runaway_expansion():
    head = module("m0", "{name: y, type: Power, bottom: x}")
    for i in range(1, 9):
        head += module(f"m{i}", f"{{name: y, module: m{i - 1}, bottom: x, repeat: 20}}", head=False)
    text = message("- {name: q, module: m8, bottom: data}\n", head)
    assert text.endswith("the network expands to more than 20000 layers")


def test_a_runaway_expansion_without_layers():
    head = "modules:\n  m0: {bottom: x, layers: []}\n"
    for i in range(1, 9):
        inner = ", ".join(f"{{name: a{j}, module: m{i - 1}, bottom: x}}" for j in range(30))
        head += f"  m{i}: {{bottom: x, layers: [{inner}]}}\n"
    assert "expands to more than 20000 layers" in message("- {name: q, module: m8, bottom: data}\n", head)
