"""NetSpec: pycaffe's way of writing networks in Python gives the same NetDef as its YAML and its prototxt."""

import dataclasses

import numpy as np
import pytest

import pycaffe_geo.caffe as caffe
from pycaffe_geo.caffe import layers as L
from pycaffe_geo.caffe import params as P
from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import ParamSpec, load_net


def bare(net):
    layers = tuple(dataclasses.replace(layer, place=None) for layer in net.layers)
    return dataclasses.replace(net, layers=layers, file="")


def lenet():
    n = caffe.NetSpec()
    n.data, n.label = L.DummyData(shape=[dict(dim=[2, 1, 28, 28]), dict(dim=[2])], ntop=2, include=dict(phase=caffe.TRAIN))
    n.conv1 = L.Convolution(
        n.data, kernel_size=5, num_output=20, weight_filler=dict(type="xavier"), param=[dict(lr_mult=1), dict(lr_mult=2)]
    )
    n.pool1 = L.Pooling(n.conv1, kernel_size=2, stride=2, pool=P.Pooling.AVE)
    n.norm = L.LRN(n.pool1, local_size=3, norm_region=P.LRN.WITHIN_CHANNEL)
    n.ip1 = L.InnerProduct(n.norm, num_output=np.int64(50), weight_filler=dict(type="gaussian", std=np.float32(0.5)))
    n.relu1 = L.ReLU(n.ip1, in_place=True)
    n.score = L.InnerProduct(n.relu1, num_output=10)
    n.loss = L.SoftmaxWithLoss(n.score, n.label, loss_weight=0.5, loss_param=dict(normalization=P.Loss.BATCH_SIZE))
    n.acc = L.Accuracy(n.score, n.label, name="accuracy", include={"phase": 1})
    n.quiet = L.Silence(n.pool1, ntop=0)
    return n


TEXT = """
layers:
- {name: data, type: DummyData, top: [data, label], include: {phase: TRAIN},
   dummy_data_param: {shape: [{dim: [2, 1, 28, 28]}, {dim: 2}]}}
- {name: conv1, type: Convolution, bottom: data, param: [{lr_mult: 1}, {lr_mult: 2}],
   convolution_param: {kernel_size: 5, num_output: 20, weight_filler: xavier}}
- {name: pool1, type: Pooling, bottom: conv1, pooling_param: {kernel_size: 2, stride: 2, pool: AVE}}
- {name: norm, type: LRN, bottom: pool1, lrn_param: {local_size: 3, norm_region: WITHIN_CHANNEL}}
- {name: ip1, type: InnerProduct, bottom: norm,
   inner_product_param: {num_output: 50, weight_filler: {type: gaussian, std: 0.5}}}
- {name: relu1, type: ReLU, bottom: ip1, top: ip1}
- {name: score, type: InnerProduct, bottom: ip1, inner_product_param: {num_output: 10}}
- {name: loss, type: SoftmaxWithLoss, bottom: [score, label], loss_weight: 0.5, loss_param: {normalization: BATCH_SIZE}}
- {name: accuracy, type: Accuracy, bottom: [score, label], top: acc, include: {phase: TEST}}
- {name: quiet, type: Silence, bottom: pool1}
"""


def test_python_yaml_and_prototxt_give_one_net():
    proto = lenet().to_proto()
    expected = bare(load_net("n.yaml", TEXT))
    assert bare(proto.definition) == expected
    assert bare(load_net("n.yaml", lenet().to_yaml())) == expected
    assert bare(load_net("n.prototxt", str(proto))) == expected


def test_the_text_is_a_net(tmp_path):
    proto = lenet().to_proto()
    proto.name, proto.force_backward = "lenet", True
    (tmp_path / "lenet.prototxt").write_text(str(proto))
    net = caffe.Net(str(tmp_path / "lenet.prototxt"), caffe.TRAIN)
    assert (net.name, net.engine.definition.force_backward) == ("lenet", True)
    assert net.forward()["loss"].shape == () and net.blobs["conv1"].data.shape == (2, 20, 24, 24)
    assert [layer.name for layer in proto.layer][:2] == ["data", "conv1"]


def test_tops_without_names_get_those_of_pycaffe():
    data = L.Input(shape=dict(dim=[1, 2]))
    first, second = L.Slice(data, ntop=2, axis=1)
    joined = L.Eltwise(L.ReLU(first, in_place=True), L.ReLU(second), operation=P.Eltwise.SUM)
    layers = caffe.to_proto(joined, L.Power(data)).definition.layers
    assert [(d.name, d.bottom, d.top) for d in layers] == [
        ("Input1", (), ("Input1",)),
        ("Slice1", ("Input1",), ("Slice1", "Slice2")),
        ("ReLU1", ("Slice1",), ("Slice1",)),
        ("ReLU2", ("Slice2",), ("ReLU2",)),
        ("Eltwise1", ("Slice1", "ReLU2"), ("Eltwise1",)),
        ("Power1", ("Input1",), ("Power1",)),
    ]
    assert bare(joined.to_proto().definition).layers == bare(caffe.to_proto(joined).definition).layers


def test_a_spec_is_a_mapping_of_tops():
    n = caffe.NetSpec()
    n["a"] = L.Input(shape=dict(dim=3))
    n.b = L.Power(n["a"], name="other", param=dict(name="w"))
    assert list(n.tops) == ["a", "b"] and n.tops["b"] is n.b
    (definition,) = n.to_proto().layer[1:]
    assert (definition.name, definition.top, definition.param) == ("other", ("b",), (ParamSpec(name="w"),))
    del n.b
    assert list(n.tops) == ["a"]
    with pytest.raises(AttributeError, match="the NetSpec has no 'aa', did you mean 'a'?"):
        n.aa


def test_a_chain_longer_than_pythons_stack():
    top = L.Input(shape=dict(dim=3))
    for _ in range(2000):
        top = L.Power(top)
    assert len(caffe.to_proto(top).layer) == 2001


def test_layers_with_parameters_of_another_name():
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=[1, 2, 4, 4]))
    n.up = L.Deconvolution(n.data, convolution_param=dict(num_output=2, kernel_size=2, stride=2))
    n.py = L.Python(n.up, module="user_layers", layer="Scaled", param_str="2")
    _, up, py = n.to_proto().layer
    assert up.parameters["convolution_param"].num_output == 2
    assert vars(py.parameters["python_param"]) | {"share_in_parallel": 0} == {
        "module": "user_layers", "layer": "Scaled", "param_str": "2", "share_in_parallel": 0
    }


@pytest.mark.parametrize(
    "make, text",
    [
        (lambda data: L.Convolution(data, kernel_sise=3), "unknown key 'kernel_sise', did you mean 'kernel_size'?"),
        (lambda data: L.Convolution(data, num_output="two"), "convolution_param.*num_output: got 'two'"),
        (lambda data: L.Convolutoin(data), "unknown layer type 'Convolutoin', did you mean 'Convolution'?"),
        (lambda data: L.Power(data, include=dict(phase="Trains")), "include.*phase: got 'Trains'"),
    ],
)
def test_mistakes_name_the_line_of_the_script(make, text):
    n = caffe.NetSpec()
    n.data = L.Input(shape=dict(dim=3))
    n.wrong = make(n.data)
    with pytest.raises(SpecError, match=text) as e:
        n.to_proto()
    assert f"{__file__}:{make.__code__.co_firstlineno}:1: " in str(e.value)


def test_what_is_no_top():
    n = caffe.NetSpec()
    with pytest.raises(TypeError, match=r"n.data: got a tuple, .*; with ntop=2, write n.a, n.b = L..."):
        n.data = L.DummyData(ntop=2)
    with pytest.raises(TypeError, match="ReLU input 0 is a str, expected a Top"):
        L.ReLU("data")
    with pytest.raises(TypeError, match=r"Eltwise in place has 2 input\(s\) and 1 top\(s\), expected 1 and 1"):
        L.Eltwise(L.Input(), L.Input(), in_place=True)


def test_choices():
    assert (P.Pooling.MAX, P.Filler.FAN_OUT, P.Data.LMDB, P.Eltwise.PROD) == ("MAX", "FAN_OUT", "LMDB", "PROD")
    with pytest.raises(AttributeError, match="P.Pool: no parameter with choices has this name"):
        P.Pool
    with pytest.raises(AttributeError, match="P.Pooling.MAXX: expected one of 'MAX', .*, did you mean 'MAX'?"):
        P.Pooling.MAXX
