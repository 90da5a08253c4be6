"""check_net on small nets, right and wrong."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo import Net, check_net
from pycaffe_geo import layer as layer_module
from pycaffe_geo.errors import DataError, SpecError
from pycaffe_geo.layer import register
from pycaffe_geo.layers.scale import Scale
from pycaffe_geo.spec import load_net

# Two branches share weights, one blob feeds two layers, and a chain works in place.
SIAMESE = """
name: siamese
force_backward: true
layers:
- {name: a, type: Input, input_param: {shape: {dim: [3, 4]}}}
- {name: b, type: Input, input_param: {shape: {dim: [3, 4]}}}
- {name: fa, type: InnerProduct, bottom: a, param: [name: w, name: v], inner_product_param: {num_output: 5, weight_filler: msra}}
- {name: fb, type: InnerProduct, bottom: b, param: [name: w, name: v], inner_product_param: {num_output: 5, weight_filler: msra}}
- {name: sa, type: SCALE, bottom: fa, top: fa, scale_param: {filler: {value: 1.5}, bias_term: true}}
- {name: ra, type: ReLU, bottom: fa, top: fa, relu_param: {negative_slope: 0.2}}
- {name: both, type: Concat, bottom: [fa, fb]}
- {name: head, type: InnerProduct, bottom: both, inner_product_param: {num_output: 2, weight_filler: xavier}}
- {name: difference, type: EuclideanLoss, bottom: [fa, fb], loss_weight: 0.3}
- {name: size, type: Reduction, bottom: head, reduction_param: {operation: SUMSQ}, loss_weight: 2}
"""


@register
class HalfScale(Scale):
    """Scale whose parameter gradients come out half as large."""

    def backward(self, top, propagate_down, bottom):
        before = [b.diff.copy() for b in self.blobs]
        super().backward(top, propagate_down, bottom)
        for b, old in zip(self.blobs, before):
            b.diff[...] = (b.diff + old) / 2


layer_module._TYPES.pop("HalfScale")


@pytest.fixture
def half_scale(monkeypatch):
    """Make the wrong layer a known type while a test runs."""
    monkeypatch.setitem(layer_module._TYPES, "HalfScale", HalfScale)


def definition(scale="Scale", **replacements):
    return dataclasses.replace(load_net("siamese.yaml", SIAMESE.replace("SCALE", scale)), **replacements)


def test_a_right_net_passes():
    report = check_net(definition())
    assert report.ok, report
    assert str(report).startswith("net 'siamese' (siamese.yaml): gradient check passed")
    names = ["fa[0]", "fa[1]", "sa[0]", "sa[1]", "head[0]", "head[1]", "a", "b"]
    assert [b.name for b in report.blobs] == names
    assert report.checked == 20 + 5 + 5 + 5 + 20 + 2 + 12 + 12


def test_inputs_are_checked_where_they_get_a_gradient():
    report = check_net(definition(force_backward=False))
    assert report.ok and [b.name for b in report.blobs][-1] == "head[1]", report


def test_a_wrong_layer_is_found(half_scale):
    report = check_net(definition("HalfScale"))
    assert [b.name for b in report.blobs if b.failures] == ["sa[0]", "sa[1]"], report
    assert "sa[0][0]: analytic" in str(report)


def test_one_layer_on_its_own_bottoms(half_scale):
    report = check_net(definition(), layer="sa")
    assert report.ok and report.where == "siamese.yaml:9:3: layer 'sa' (Scale)"
    assert [(b.name, b.shape) for b in report.blobs] == [("fa", (3, 5)), ("sa[0]", (5,)), ("sa[1]", (5,))]
    report = check_net(definition("HalfScale"), layer="sa")
    assert not report.ok and "analytic is 0.5 times numeric" in str(report)
    with pytest.raises(SpecError, match="net 'siamese' has no layer 'sc', did you mean"):
        check_net(definition(), layer="sc")


def test_parameters_that_do_not_learn_are_left_out():
    net = load_net("siamese.yaml", SIAMESE.replace("SCALE", "Scale").replace("name: w,", "{name: w, lr_mult: 0},"))
    report = check_net(dataclasses.replace(net, force_backward=False))
    assert report.ok and [b.name for b in report.blobs] == ["fa[1]", "sa[0]", "sa[1]", "head[0]", "head[1]"], report


def test_a_net_keeps_its_weights_and_inputs():
    net = Net(definition(), "TRAIN", seed=5)
    for name in net.inputs:
        net.blobs[name].data[...] = np.random.default_rng(3).normal(size=(3, 4))
    net.params["head"][0].data[...] = 0
    before = [b.data.copy() for b in net.learnable]
    report = check_net(net)
    assert report.ok, report
    assert all(np.array_equal(b.data, old) for b, old in zip(net.learnable, before))
    net.params["head"][0].data[0] = np.nan
    assert "the loss is not finite" in str(check_net(net)), "the weights are the net's"
    net.params["head"][0].data[...] = 0
    net.blobs["a"].data[...] = np.nan
    assert "the loss is not finite" in str(check_net(net)), "the inputs are the net's"
    assert check_net(net, inputs={"a": np.ones((3, 4))}).ok


def test_shapes_and_inputs():
    report = check_net(definition(), shapes={"a": (2, 4), "b": (2, 4)})
    assert report.ok and report.blobs[-1].shape == (2, 4)
    report = check_net(definition(), inputs={"a": np.full((6, 4), 0.5), "b": np.ones((6, 4))})
    assert report.ok and report.blobs[-1].shape == (6, 4)
    with pytest.raises(SpecError, match="no data layer makes 'c' .they make 'a', 'b'."):
        check_net(definition(), shapes={"c": (2, 4)})


DATA = """
layers:
- {name: data, type: HDF5Data, top: [data, label], hdf5_data_param: {source: missing_list.txt, batch_size: 16}}
- {name: fc, type: InnerProduct, bottom: data, inner_product_param: {num_output: 3, weight_filler: xavier}}
- {name: drop, type: Dropout, bottom: fc, top: fc}
- {name: loss, type: SoftmaxWithLoss, bottom: [fc, label]}
- {name: accuracy, type: Accuracy, bottom: [fc, label]}
"""


def test_data_that_is_absent():
    net = load_net("net.yaml", DATA)
    with pytest.raises(DataError, match=r"missing_list.txt.*; to check on random samples instead.*--shape data=N,C,H,W"):
        check_net(net)
    with pytest.raises(SpecError, match=r"layer 'data' \(HDF5Data\): shapes are given for 'data', expected them for 'label' too"):
        check_net(net, shapes={"data": (4, 2, 3)})
    report = check_net(net, shapes={"data": (4, 2, 3), "label": (4,)})
    assert report.ok and [(b.name, b.shape) for b in report.blobs] == [("fc[0]", (3, 6)), ("fc[1]", (3,))], report


def test_data_that_is_there(tmp_path):
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "data.h5", "w") as file:
        file["data"] = np.random.default_rng(0).normal(size=(9, 2, 3))
        file["label"] = np.arange(9) % 3
    (tmp_path / "list.txt").write_text(f"{tmp_path / 'data.h5'}\n")
    net = load_net(tmp_path / "net.yaml", DATA.replace("missing_list.txt", str(tmp_path / "list.txt")))
    report = check_net(net)
    assert report.ok, report
    assert check_net(net, layer="fc").blobs[0].shape == (2, 2, 3), "at most `batch` samples"
    assert check_net(net, layer="fc", batch=5).blobs[0].shape == (5, 2, 3)


def test_nothing_to_check():
    text = "layers: [{name: x, type: Input, input_param: {shape: {dim: [2]}}}, {name: y, type: Power, bottom: x}]"
    assert check_net(load_net("n.yaml", text)).problems == ["has no loss: no layer of it is a loss or has a loss_weight"]
    text = text.replace("bottom: x}", "bottom: x, loss_weight: 1}")
    assert check_net(load_net("n.yaml", text)).problems[0].startswith("nothing to check: no parameter learns")
    report = check_net(load_net("n.yaml", "force_backward: true\n" + text))
    assert report.ok and report.checked == 2
    assert check_net(load_net("n.yaml", text), layer="x").problems[0].startswith("nothing to check: the layer has no")


def test_a_loss_that_is_not_finite():
    text = """
force_backward: true
layers:
- {name: x, type: Input, input_param: {shape: {dim: [2]}}}
- {name: y, type: Log, bottom: x, loss_weight: 1}
"""
    with np.errstate(divide="ignore"):
        report = check_net(load_net("n.yaml", text), inputs={"x": np.zeros(2)})
    assert report.problems == ["the loss is not finite: y = [-inf -inf]"]


@pytest.mark.slow
def test_late_fusion_net_passes():
    image, depth = (2, 3, 32, 40), (2, 1, 32, 40)
    shapes = {"src": image, "tgt": image, "depth": depth, "intrinsics": (2, 4, 1, 1), "pose": (2, 1, 4, 4)}
    report = check_net(Path(__file__).parents[1] / "prototxt" / "pose_late_fusion_small.yaml", shapes=shapes)
    assert report.ok and report.checked > 200, report


def test_a_pose_may_be_a_vector(tmp_path):
    """Samples follow a top's name only where its shape is what the name says: some nets call six numbers a pose."""
    path = tmp_path / "vectors.yaml"
    path.write_text("""
force_backward: true
layers:
- {name: pose, type: Input, input_param: {shape: {dim: [2, 6]}}}
- {name: T, type: EulerGenerator, bottom: pose}
- {name: loss, type: Reduction, bottom: T, reduction_param: {operation: SUMSQ}, loss_weight: 1}
""")
    report = check_net(path)
    assert report.ok and report.blobs[0].name == "pose", report
