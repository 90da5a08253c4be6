from dataclasses import replace

import numpy as np
import pytest

from pycaffe_geo.spec import load_net, load_solver
from pycaffe_geo.weights import read_weights, write_weights
from pycaffe_geo.wire import encode_field

PROTOTXT = """name: "n"  # a comment
input: "x" input_dim: 1 input_dim: 2 input_dim: 4 input_dim: 4
layer { name: "c" type: "Convolution" bottom: "x" top: "c" param { name: "w" lr_mult: 2 } param { name: "b" }
  convolution_param { num_output: 2 kernel_size: 1 weight_filler { type: "xavier" } } }
layer { name: "d" type: "Convolution" bottom: "c" top: "d" param { name: "w" } param { name: "b" }
  convolution_param { num_output: 2 kernel_size: 1 } include { phase: TRAIN } }
"""


def bare(net):
    return replace(net, file="", layers=tuple(replace(layer, place=None) for layer in net.layers))


def test_a_network_to_yaml_and_back(tool, tmp_path):
    source, yaml, again = (tmp_path / name for name in ("n.prototxt", "out/n.yaml", "again.prototxt"))
    source.write_text(PROTOTXT)
    assert tool("convert", "--net", source, "--out", yaml) == (0, f"written to {yaml}\n", "")
    text = yaml.read_text()
    assert "weight_filler: xavier" in text and "param: [{name: w, lr_mult: 2}, {name: b}]" in text
    assert bare(load_net(yaml)) == bare(load_net(source))
    assert tool("convert", "--net", yaml, "--out", again)[0] == 0
    assert bare(load_net(again)) == bare(load_net(source))
    assert tool("convert", "--net", source)[1] == text
    assert tool("convert", "--net", yaml)[1] == again.read_text()


def test_a_solver_with_its_network(tool, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "n.prototxt").write_text(PROTOTXT)
    (tmp_path / "s.prototxt").write_text('net: "n.prototxt" base_lr: 0.1 solver_type: ADAM stepvalue: 1 stepvalue: 2 max_iter: 9')
    code, out, _ = tool("convert", "--solver", "s.prototxt", "--out", "yaml/s.yaml")
    assert code == 0 and out == "written to yaml/n.yaml, the network n.prototxt of the solver\nwritten to yaml/s.yaml\n"
    old, new = load_solver("s.prototxt"), load_solver("yaml/s.yaml")
    assert replace(new, file="", net="") == replace(old, file="", net="") and bare(load_net(new.net)) == bare(load_net(old.net))
    tool("convert", "--solver", "yaml/s.yaml", "--out", "back/s.prototxt")
    text = (tmp_path / "back" / "s.prototxt").read_text()
    assert 'net: "back/n.prototxt"' in text and 'type: "Adam"' in text and "solver_mode: CPU" in text
    assert replace(load_solver("back/s.prototxt"), file="", net="") == replace(old, file="", net="")
    assert tool("convert", "--solver", "s.prototxt")[1].startswith("net: n.prototxt\ntype: Adam\n")


def test_weights_both_ways(tool, tmp_path):
    weights = {"conv": [np.arange(6, dtype=np.float32).reshape(2, 3), np.ones(2)]}
    write_weights(tmp_path / "a.caffemodel", weights)
    assert tool("convert", "--weights", tmp_path / "a.caffemodel", "--out", tmp_path / "a.caffemodel.h5")[0] == 0
    assert tool("convert", "--weights", tmp_path / "a.caffemodel.h5", "--out", tmp_path / "b.caffemodel")[0] == 0
    assert (tmp_path / "a.caffemodel").read_bytes() == (tmp_path / "b.caffemodel").read_bytes()
    for array, expected in zip(read_weights(tmp_path / "a.caffemodel.h5")["conv"], weights["conv"]):
        np.testing.assert_array_equal(array, expected)


def test_a_mean_image(tool, tmp_path):
    sizes = b"".join(encode_field(i + 1, n) for i, n in enumerate((1, 3, 1, 2)))
    (tmp_path / "mean.binaryproto").write_bytes(sizes + encode_field(5, np.arange(6, dtype="<f4").tobytes()))
    assert tool("convert", "--mean", tmp_path / "mean.binaryproto", "--out", tmp_path / "mean.npy")[0] == 0
    np.testing.assert_array_equal(np.load(tmp_path / "mean.npy").ravel(), range(6))


@pytest.mark.parametrize("words, expected", [
    (["--net", "n.yaml", "--out", "n.txt"], "--out: got 'n.txt', expected a file that ends in one of '.yaml', '.yml', '.prot"),
    (["--weights", "w.h5"], "--out: it is missing, expected a file that ends in one of '.h5', '.hdf5', '.caffemodel'"),
    (["--mean", "m.binaryproto", "--out", "m.png"], "--out: got 'm.png', expected a file that ends in one of '.npy'"),
    (["--mean", "none.binaryproto", "--out", "m.npy"], "none.binaryproto: no such file"),
    (["--out", "m.npy"], "one of the arguments --net --solver --weights --mean is required"),
])
def test_what_cannot_be_converted(tool, words, expected):
    code, _, err = tool("convert", *words)
    assert code == 1 and expected in err


def test_layers_that_caffe_does_not_have_are_listed(tool, pose_net, tmp_path):
    code, _, err = tool("convert", "--net", pose_net, "--out", tmp_path / "p.prototxt")
    assert code == 0 and "Caffe has no layers of these types: 'AbsLoss', 'InverseWarping', 'PinholeProjection'" in err
