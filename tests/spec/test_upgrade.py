"""Older forms of prototxt load to the same NetDef as today's."""

from dataclasses import replace

import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import layer_types
from pycaffe_geo.spec import NetState, filter_net, load_net, load_solver, to_yaml
from pycaffe_geo.spec.upgrade import _V1_NAMES, _V1_NUMBERS


def without_places(net):
    return replace(net, file="", layers=tuple(replace(layer, place=None) for layer in net.layers))


def same(old, new):
    old, new = (load_net("n.prototxt", text=text) for text in (old, new))
    assert without_places(old) == without_places(new)
    return old


def message(text, load=load_net):
    with pytest.raises(SpecError) as e:
        load("n.prototxt", text=text)
    return str(e.value)


def test_a_v1_network():
    same("""
        name: "old" input: "x" input_dim: 1 input_dim: 2 input_dim: 4 input_dim: 4
        layers { name: "c" type: CONVOLUTION bottom: "x" top: "c" blobs_lr: 1 blobs_lr: 2 weight_decay: 1 weight_decay: 0
                 param: "w" param: "b" blob_share_mode: PERMISSIVE
                 convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } } include { phase: TRAIN } }
        layers { bottom: "c" top: "c" name: "r" type: RELU }
        layers { bottom: "c" top: "p" name: "p" type: 14 blobs_lr: 0 inner_product_param { num_output: 2 } }
        layers { bottom: "p" bottom: "l" top: "loss" name: "loss" type: SOFTMAX_LOSS loss_weight: 0.5 }
    """, """
        name: "old"
        layer { name: "input" type: "Input" top: "x" input_param { shape { dim: [1, 2, 4, 4] } } }
        layer { name: "c" type: "Convolution" bottom: "x" top: "c"
                param { name: "w" lr_mult: 1 decay_mult: 1 share_mode: PERMISSIVE } param { name: "b" lr_mult: 2 decay_mult: 0 }
                convolution_param { num_output: 3 kernel_size: 3 weight_filler { type: "xavier" } } include { phase: TRAIN } }
        layer { bottom: "c" top: "c" name: "r" type: "ReLU" }
        layer { bottom: "c" top: "p" name: "p" type: "InnerProduct" param { lr_mult: 0 } inner_product_param { num_output: 2 } }
        layer { bottom: "p" bottom: "l" top: "loss" name: "loss" type: "SoftmaxWithLoss" loss_weight: 0.5 }
    """)


@pytest.mark.parametrize("number, name", [(n, name) for n, name in enumerate(_V1_NUMBERS) if name])
def test_every_v1_type_is_a_layer_type(number, name):
    expected = _V1_NAMES.get(name) or name.title().replace("_", "")
    if name == "WINDOW_DATA":
        assert f"unknown layer type '{expected}'" in message(f'layers {{ name: "x" type: {number} }}')
        return
    assert expected in layer_types()
    try:
        assert load_net("n.prototxt", text=f'layers {{ name: "x" type: {number} }}').layers[0].type == expected
    except SpecError as e:  # a layer that needs parameters
        assert f"layer 'x' ({expected})" in str(e)


def test_what_a_data_layer_said_of_the_pictures_itself():
    if "ImageData" not in layer_types():
        pytest.skip("no layer ImageData yet")
    same("""layer { name: "d" type: "ImageData" top: "d" transform_param { mirror: false crop_size: 3 }
                    image_data_param { source: "l.txt" batch_size: 2 scale: 0.5 mean_file: "m" mirror: true } }""",
         """layer { name: "d" type: "ImageData" top: "d" image_data_param { source: "l.txt" batch_size: 2 }
                    transform_param { crop_size: 3 scale: 0.5 mean_file: "m" mirror: true } }""")


def test_batch_norm_with_three_params_learns_nothing():
    same('layer { name: "b" type: "BatchNorm" bottom: "x" top: "x" param { lr_mult: 1 } param { name: "v" } param { } }',
         'layer { name: "b" type: "BatchNorm" bottom: "x" top: "x" param { lr_mult: 0 decay_mult: 0 } '
         'param { name: "v" lr_mult: 0 decay_mult: 0 } param { lr_mult: 0 decay_mult: 0 } }')


def test_enumerations_given_as_numbers():
    same('layer { name: "p" type: "Pooling" bottom: "x" include { phase: 1 } pooling_param { kernel_size: 2 pool: 1 } }',
         'layer { name: "p" type: "Pooling" bottom: "x" include { phase: TEST } pooling_param { kernel_size: 2 pool: AVE } }')
    same('layer { name: "r" type: "Reduction" bottom: "x" top: "r" reduction_param { operation: 2 } }',
         'layer { name: "r" type: "Reduction" bottom: "x" top: "r" reduction_param { operation: ASUM } }')
    same('layer { name: "r" type: "Eltwise" bottom: "x" bottom: "y" top: "r" eltwise_param { operation: 2 } }',
         'layer { name: "r" type: "Eltwise" bottom: "x" bottom: "y" top: "r" eltwise_param { operation: MAX } }')
    wrong = message('layer { name: "r" type: "Reduction" bottom: "x" top: "r" reduction_param { operation: 0 } }')
    assert wrong == "n.prototxt:1:87: got 0, expected 1 to 4, a number for SUM, ASUM, SUMSQ, MEAN"


def test_the_state_of_a_file():
    text = """state { level: 2 stage: "a" phase: TRAIN }
        layer { name: "x" type: "Input" top: "x" }
        layer { name: "a" type: "ReLU" bottom: "x" top: "a" include { stage: "a" stage: "b" min_level: 2 } }
        layer { name: "t" type: "ReLU" bottom: "x" top: "t" include { phase: TRAIN } }"""
    net = load_net("n.prototxt", text=text)
    assert [layer.name for layer in filter_net(net, NetState("TEST", stage=("b",))).layers] == ["x", "a"]
    assert [layer.name for layer in filter_net(net, NetState("TRAIN", level=1, stage=("b",))).layers] == ["x", "t"]
    assert without_places(load_net("n.yaml", text=to_yaml(net))) == without_places(net)


def test_parameters_that_the_type_does_not_read_are_left_out_of_a_prototxt(caplog):
    net = load_net("n.prototxt", text='layer { name: "r" type: "ReLU" bottom: "x" top: "r" power_param { power: 2 } }')
    assert list(net.layers[0].parameters) == ["relu_param"]
    assert "n.prototxt:1:53: layer 'r' (ReLU): power_param is left out" in caplog.text
    with pytest.raises(SpecError, match="unknown key 'power_param'"):
        load_net("n.yaml", text="layers: [{name: r, type: ReLU, bottom: x, power_param: {power: 2}}]")


@pytest.mark.parametrize("text, expected", [
    ('layers { layer { name: "x" type: "conv" } bottom: "x" }',
     "n.prototxt:1:10: got a layer inside `layers`, Caffe's first format"),
    ('layers { name: "x" type: CONVOLUTIO }', "n.prototxt:1:26: type: got 'CONVOLUTIO', expected a type of Caffe's older format"),
    ('layers { name: "x" type: 40 }', "n.prototxt:1:26: got 40, expected 1 to 39"),
    ('layers { name: "x" type: RELU }\nlayer { name: "y" type: "ReLU" }',
     "n.prototxt:2:1: got `layer` beside `layers` (line 1), expected one of them in a file"),
    ("layers: 3", "n.prototxt:1:9: got '3', expected a layer in braces"),
    ('layer { name: "x" type: "Data" type: "Data" }', "n.prototxt:1:25: layer 'x': type: got a list of 2"),
    ('layers { name: "x" type: RELU blobs_lr: "q" }', "n.prototxt:1:41: layer 'x' (ReLU): param[0].lr_mult: got 'q'"),
])
def test_what_cannot_be_upgraded(text, expected):
    assert message(text).startswith(expected)


NET = 'name: "inside" layer { name: "x" type: "DummyData" top: "x" dummy_data_param { shape { dim: 1 } } }'


def test_networks_inside_a_solver(tmp_path):
    (tmp_path / "test.prototxt").write_text(NET)
    text = f"""
        net_param {{ {NET} layer {{
            name: "p" type: "Pooling" bottom: "x" top: "p" pooling_param {{ pool: 1 kernel_h: 1 kernel_w: 1 }} }} }}
        test_net_param {{ name: "first" layers {{ name: "s" type: SILENCE }} }} test_net_param {{ {NET} }}
        test_net: "test.prototxt"
        test_iter: [1, 2, 3, 4] test_interval: 10 base_lr: 0.1 lr_policy: "fixed" solver_type: 5"""
    solver = load_solver(tmp_path / "solver.prototxt", text=text)
    assert (solver.net.name, solver.net.layers[1].parameters["pooling_param"].pool, solver.type) == ("inside", "AVE", "Adam")
    assert [getattr(net, "name", net) for net in solver.test_net] == ["first", "inside", str(tmp_path / "test.prototxt")]
    (tmp_path / "solver.yaml").write_text(to_yaml(solver))
    again = load_solver(tmp_path / "solver.yaml")
    assert [without_places(net) for net in (again.net, *again.test_net[:2])] == [
        without_places(net) for net in (solver.net, *solver.test_net[:2])
    ]
    assert replace(again, net="", test_net=(), file="") == replace(solver, net="", test_net=(), file="")


@pytest.mark.parametrize("text, expected", [
    (f"net_param {{ {NET} }} train_net_param {{ {NET} }}", "n.prototxt:1:1: got both `net_param` and `train_net_param`"),
    (f"net_param {{ {NET} }} net_param {{ {NET} }}", "n.prototxt:1:1: net_param: got 2 networks, expected one"),
    ("net_param: 3", "n.prototxt:1:12: net_param: got '3', expected a network"),
    ('net_param { layer { name: "x" type: "Powr" } }', "n.prototxt:1:37: layer 'x': unknown layer type 'Powr'"),
])
def test_wrong_networks_inside_a_solver(text, expected):
    assert message(text, load_solver).startswith(expected)
