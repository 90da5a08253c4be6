"""Networks written with torch have the loss and the gradients of ours, layer type by layer type (float64)."""

import numpy as np
import pytest

from pycaffe_geo.errors import PycaffeGeoError
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

torch = pytest.importorskip("torch")
from pycaffe_geo.commands._benchmark.export import BUILDERS, Exported  # noqa: E402  (needs torch)

X = "- {name: x, type: Parameter, parameter_param: {shape: {dim: [2, 4, 7, 9]}}}"
Y = "- {name: y, type: Parameter, parameter_param: {shape: {dim: [2, 4, 7, 9]}}}"
SUM = "- {name: square, type: Power, bottom: top, power_param: {power: 2}}\n" \
      "- {name: loss, type: Reduction, bottom: square, reduction_param: {operation: MEAN, coeff: 3}, loss_weight: 0.5}"


def one(words, inputs=X, more=""):
    """A layer of `x` (and others), and a loss of its top."""
    return "\n".join(filter(None, ["layers:", inputs, more, f"- {{name: top, {words}}}", SUM]))


CONV = "kernel_h: 3, kernel_w: 2, stride: 2, pad_h: 1, pad_w: 0, group: 2, weight_filler: xavier"
WARP = """
- name: in
  type: Input
  top: [src, tgt, intrinsics]
  input_param: {shape: [{dim: [2, 3, 6, 8]}, {dim: [2, 3, 6, 8]}, {dim: [2, 4, 1, 1]}]}
- {name: twist, type: Parameter, parameter_param: {shape: {dim: [2, 6]}}}
- {name: depth, type: Parameter, parameter_param: {shape: {dim: [2, 1, 6, 8]}}}
- {name: T, type: SE3Generator, bottom: twist}
- {name: points, type: Transform3DGrid, bottom: [depth, T, intrinsics]}
- {name: projection, type: PinholeProjection, bottom: [points, intrinsics], top: [flow, coords, seen]}
- {name: warped, type: InverseWarping, bottom: [src, coords]}
- {name: loss, type: AbsLoss, bottom: [warped, tgt, seen], loss_param: {normalization: VALID}}
- {name: unused, type: Silence, bottom: flow}
"""
NETS = {
    "Convolution": one(f"type: Convolution, bottom: x, convolution_param: {{num_output: 6, {CONV}}}"),
    "Convolution dilated": one("type: Convolution, bottom: x, convolution_param: {num_output: 2, kernel_size: 3, dilation: 2, "
                               "bias_term: false, weight_filler: xavier}"),
    "Deconvolution": one(f"type: Deconvolution, bottom: x, convolution_param: {{num_output: 6, {CONV}}}"),
    "InnerProduct": one("type: InnerProduct, bottom: x, inner_product_param: {num_output: 5, weight_filler: xavier}"),
    "InnerProduct transposed": one("type: InnerProduct, bottom: x, inner_product_param: "
                                   "{num_output: 5, transpose: true, bias_term: false, weight_filler: xavier}"),
    "BatchNorm": one("type: BatchNorm, bottom: x"),
    "Scale": one("type: Scale, bottom: x, scale_param: {bias_term: true}"),
    "Scale without bias": one("type: Scale, bottom: x"),
    "BatchNorm, Scale, ReLU": one("type: Power, bottom: a, power_param: {scale: 2}", X + """
- {name: a, type: Power, bottom: x}
- {name: n, type: BatchNorm, bottom: a, top: a}
- {name: s, type: Scale, bottom: a, top: a, scale_param: {bias_term: true}}
- {name: r, type: ReLU, bottom: a, top: a}"""),
    "ReLU": one("type: ReLU, bottom: x"),
    "ReLU leaky": one("type: ReLU, bottom: x, relu_param: {negative_slope: 0.1}"),
    "Pooling MAX": one("type: Pooling, bottom: x, pooling_param: {kernel_size: 2, stride: 2}"),
    "Pooling AVE": one("type: Pooling, bottom: x, pooling_param: {pool: AVE, kernel_size: 3, stride: 2, pad: 1}"),
    "Pooling FLOOR": one("type: Pooling, bottom: x, pooling_param: {kernel_size: 2, stride: 2, round_mode: FLOOR}"),
    "Pooling global": one("type: Pooling, bottom: x, pooling_param: {pool: AVE, global_pooling: true}"),
    "Pooling global MAX": one("type: Pooling, bottom: x, pooling_param: {global_pooling: true}"),
    "LRN": one("type: LRN, bottom: x, lrn_param: {local_size: 3, alpha: 0.3, beta: 0.75, k: 2}"),
    "Concat": one("type: Concat, bottom: [x, y, x]", X + "\n" + Y),
    "Concat axis": one("type: Concat, bottom: [x, y], concat_param: {axis: 2}", X + "\n" + Y),
    "Eltwise": one("type: Eltwise, bottom: [x, y]", X + "\n" + Y),
    "Eltwise coeff": one("type: Eltwise, bottom: [x, y], eltwise_param: {coeff: [1, -2]}", X + "\n" + Y),
    "Eltwise PROD": one("type: Eltwise, bottom: [x, y], eltwise_param: {operation: PROD}", X + "\n" + Y),
    "Eltwise MAX": one("type: Eltwise, bottom: [x, y], eltwise_param: {operation: MAX}", X + "\n" + Y),
    "Crop": one("type: Crop, bottom: [x, small], crop_param: {offset: [1, 2]}",
                X + "\n- {name: small, type: Input, input_param: {shape: {dim: [2, 1, 4, 5]}}}"),
    "Sigmoid": one("type: Sigmoid, bottom: x"),
    "Power": one("type: Power, bottom: x, power_param: {scale: 0.1, shift: 2, power: -1}"),
    "Resize": one("type: Resize, bottom: [x, big]",
                  X + "\n- {name: big, type: Input, input_param: {shape: {dim: [2, 1, 12, 13]}}}"),
    "Reduction SUM": one("type: Reduction, bottom: x, reduction_param: {axis: 1, coeff: 2}"),
    "EuclideanLoss": f"layers:\n{X}\n{Y}\n- {{name: loss, type: EuclideanLoss, bottom: [x, y], loss_weight: 0.3}}",
    "AbsLoss": f"layers:\n{X}\n{Y}\n- {{name: loss, type: AbsLoss, bottom: [x, y]}}",
    "SoftmaxWithLoss": "layers:\n- {name: x, type: Parameter, parameter_param: {shape: {dim: [4, 5]}}}\n"
                       "- {name: label, type: Input, input_param: {shape: {dim: [4]}}}\n"
                       "- {name: loss, type: SoftmaxWithLoss, bottom: [x, label]}",
    "the geometry chain": f"layers:{WARP}",
}


def run_ours(net):
    """Fill a net with random values, run it, and return its arrays and inputs."""
    rng = np.random.default_rng(0)
    for name, blobs in net.params.items():
        for blob in blobs:
            if not net.layers[net.layer_index(name)].fixed_blobs:
                blob.data[...] = rng.normal(size=blob.shape) if name != "depth" else rng.uniform(1, 2, blob.shape)
    if "twist" in net.params:
        net.params["twist"][0].data[...] *= 0.05
    for name in net.inputs:
        net.blobs[name].data[...] = rng.uniform(0, 4, net.blobs[name].shape)
    if "label" in net.inputs:
        net.blobs["label"].data[...] = [0, 2, 4, 1]
    if "intrinsics" in net.inputs:
        net.blobs["intrinsics"].data[...] = np.reshape([5, 6, 3.3, 2.6], (4, 1, 1))
    arrays = {f"{name}[{i}]": blob.data.copy() for name, blobs in net.params.items() for i, blob in enumerate(blobs)}
    inputs = {name: net.blobs[name].data.copy() for name in net.inputs}
    net.forward()
    net.backward()
    return arrays, inputs


@pytest.mark.parametrize("case", NETS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_loss_and_gradients_are_ours(case, layout):
    net = Net(load_net("net.yaml", NETS[case]), "TRAIN", dtype="float64")
    arrays, inputs = run_ours(net)
    model = Exported(net.definition, arrays).to(memory_format=layout)
    loss = model({name: torch.from_numpy(array) for name, array in inputs.items()})
    loss.backward()
    assert net.loss != 0 and loss.item() == pytest.approx(net.loss, rel=1e-9)
    gradients = model.gradients()
    learning = [name for name, rate in zip(net.param_names, net.lr_mults) if rate]
    assert set(gradients) == set(learning)
    for name, blob in zip(net.param_names, net.learnable):
        if name in gradients:
            assert np.abs(blob.diff).max() > 0
            np.testing.assert_allclose(gradients[name].numpy(), blob.diff, atol=1e-9 * np.abs(blob.diff).max(), err_msg=name)


def test_every_builder_is_tested():
    tested = {layer.type for text in NETS.values() for layer in load_net("net.yaml", text).layers}
    aliases = {"GeoTransform", "PinHole"}
    assert set(BUILDERS) - aliases - {"Dropout"} <= tested


@pytest.mark.parametrize("words, message", [
    ("type: TanH, bottom: x", r"layer 'top' \(TanH\) cannot be written with torch, expected one of "),
    ("type: Dropout, bottom: x", "its draws differ"),
    ("type: LRN, bottom: x, lrn_param: {norm_region: WITHIN_CHANNEL}", "within channels"),
])
def test_what_cannot_be_written_is_named(words, message):
    with pytest.raises(PycaffeGeoError, match=message):
        Exported(load_net("net.yaml", one(words)), {"x[0]": np.zeros((2, 4, 7, 9))})


def test_a_frozen_parameter_does_not_learn():
    text = one("type: Scale, bottom: x, param: {lr_mult: 0}")
    net = Net(load_net("net.yaml", text), "TRAIN", dtype="float64")
    arrays, inputs = run_ours(net)
    model = Exported(net.definition, arrays)
    model(inputs).backward()
    assert set(model.gradients()) == {"x[0]"}
