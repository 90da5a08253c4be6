"""Nets with float16 blobs (net_half.py): which blobs are, and that they compute what a float32 net does, but for rounding."""

import importlib.util
import sys

import fake_cudnn
import numpy as np
import pytest

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.errors import SpecError
from pycaffe_geo.net import Net

MIXED = """
layers:
- name: x
  type: Input
  top: [x, like, t]
  input_param: {shape: [{dim: [2, 4, 9, 11]}, {dim: [2, 1, 12, 14]}, {dim: [2, 5]}]}
- {name: scaled, type: Power, bottom: x, power_param: {scale: 0.5}}
- {name: a, type: Convolution, bottom: scaled, param: {name: w},
   convolution_param: {num_output: 4, kernel_size: 3, pad: 1, weight_filler: xavier}}
- {name: bn, type: BatchNorm, bottom: a, top: a}
- {name: scale, type: Scale, bottom: a, top: a, scale_param: {bias_term: true, filler: {type: uniform, min: 0.5, max: 1.5}}}
- {name: relu, type: ReLU, bottom: a, top: a}
- {name: b, share: a, bottom: a}
- {name: sum, type: Eltwise, bottom: [a, b]}
- {name: pool, type: Pooling, bottom: sum, pooling_param: {kernel_size: 2, stride: 2}}
- {name: mean, type: Pooling, bottom: sum, pooling_param: {pool: AVE, kernel_size: 3, stride: 1}}
- {name: up, type: Deconvolution, bottom: pool,
   convolution_param: {num_output: 3, kernel_size: 2, stride: 2, weight_filler: xavier}}
- {name: larger, type: Resize, bottom: up, resize_param: {height: 12, width: 14}}
- {name: cut, type: Crop, bottom: [larger, like], crop_param: {axis: 2}}
- {name: gate, type: Sigmoid, bottom: cut}
- {name: both, type: Concat, bottom: [cut, gate]}
- {name: last, type: Convolution, bottom: both,
   convolution_param: {num_output: 2, kernel_size: 3, stride: 3, weight_filler: xavier}}
- {name: drop, type: Dropout, bottom: last, top: last, dropout_param: {dropout_ratio: 0}}
- {name: flat, type: Flatten, bottom: last}
- {name: fc, type: InnerProduct, bottom: flat, inner_product_param: {num_output: 5, weight_filler: xavier}}
- {name: watched, type: ReLU, bottom: fc, loss_weight: 0.1}
- {name: halves, type: Slice, bottom: mean, top: [h0, h1], slice_param: {axis: 1}}
- {name: product, type: Eltwise, bottom: [h0, h1], eltwise_param: {operation: PROD}}
- {name: squares, type: Reduction, bottom: product, reduction_param: {operation: SUMSQ}, loss_weight: 0.01}
- {name: loss, type: EuclideanLoss, bottom: [fc, t]}
"""
HALF = {"scaled_float16", "a", "b", "sum", "pool", "mean", "up", "larger", "cut", "gate_float16", "both", "last", "flat", "fc",
        "h0", "h1", "product"}


@pytest.fixture
def mixed(tmp_path):
    path = tmp_path / "mixed.yaml"
    path.write_text(MIXED)
    return path


def step(net, scale=1.0):
    """Run one iteration on random inputs; return (loss, [gradients])."""
    rng = np.random.default_rng(5)
    net.set_loss_scale(scale)
    net.clear_param_diffs()
    net.forward(**{name: rng.normal(size=net.blobs[name].shape) for name in net.inputs})
    net.backward()
    return net.loss, [asnumpy(b.diff).copy() for b in net.learnable]


def errors(found, expected):
    """Return the relative distance of each gradient that is not 0 but for rounding."""
    return [np.linalg.norm(f - e) / np.linalg.norm(e) for f, e in zip(found, expected) if np.linalg.norm(e) > 1e-5]


def test_which_blobs_are_float16(mixed):
    net = Net(mixed, "TRAIN", half=True)
    assert {name for name, blob in net.blobs.items() if blob.dtype == np.float16} == HALF
    casts = {layer.name: [b.name for b in net.bottoms[i]] for i, layer in enumerate(net.layers) if layer.type == "Cast"}
    assert casts == {"scaled_float16": ["scaled"], "cut_float32": ["cut"], "gate_float16": ["gate"], "fc_float32": ["fc"],
                     "product_float32": ["product"]}
    assert all(b.dtype == np.float32 for b in net.learnable)


def test_computes_as_float32(mixed):
    loss, gradients = step(Net(mixed, "TRAIN", half=True))
    expected_loss, expected = step(Net(mixed, "TRAIN"))
    assert loss == pytest.approx(expected_loss, rel=2e-3)
    found = errors(gradients, expected)
    assert len(found) >= 10 and max(found) < 0.02, found


def test_the_loss_scale_leaves_no_trace(mixed):
    net = Net(mixed, "TRAIN", half=True)
    loss, large = step(net, 2.0**8)
    same, small = step(net, 2.0**6)
    assert loss == same and max(errors(large[:2], small[:2])) < 1e-3  # what is subnormal in float16 is rounded more
    with np.errstate(invalid="ignore", over="ignore"):
        assert not all(np.isfinite(g).all() for g in step(net, 2.0**30)[1])


def test_with_shared_memory_bit_for_bit(mixed):
    plain, shared = (Net(mixed, "TRAIN", half=True) for _ in range(2))
    shared.share_memory()
    for _ in range(2):
        (loss, expected), (found_loss, found) = step(plain, 64.0), step(shared, 64.0)
        assert loss == found_loss and all(np.array_equal(a, b) for a, b in zip(expected, found))


def test_halves_the_memory_of_shared_blobs(tmp_path):
    path = tmp_path / "chain.yaml"
    chain = [f"- {{name: c{i + 1}, type: Convolution, bottom: c{i}, convolution_param: {{num_output: 8, kernel_size: 1}}}}"
             for i in range(6)]
    path.write_text("layers:\n- {name: c0, type: Input, input_param: {shape: {dim: [1, 8, 64, 64]}}}\n" + "\n".join(chain)
                    + "\n- {name: s, type: Reduction, bottom: c6, loss_weight: 1}\n")
    alone = [Net(path, "TRAIN", half=half).plan_memory().alone for half in (False, True)]
    assert alone[1] < 0.75 * alone[0]


@pytest.mark.parametrize("device", ["standin_device", "emulated_gpu"])
def test_on_a_device(device, mixed, request, monkeypatch):
    device = request.getfixturevalue(device)
    if device.compiles:
        monkeypatch.setitem(sys.modules, "cudnn", fake_cudnn)
        monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)
        fake_cudnn.graphs.clear()
    loss, gradients = step(Net(mixed, "TRAIN", half=True, device=device), 16.0)
    expected_loss, expected = step(Net(mixed, "TRAIN", half=True, device=CPU), 16.0)
    assert loss == pytest.approx(expected_loss, rel=2e-3) and max(errors(gradients, expected)) < 0.02
    assert not device.compiles or {graph.dtype for graph in fake_cudnn.graphs} == {"float16"}


def test_a_blob_that_a_layer_changes_in_float32_is_float32(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("""
layers:
- {name: x, type: Input, input_param: {shape: {dim: [1, 2, 5, 5]}}}
- {name: c, type: Convolution, bottom: x, convolution_param: {num_output: 2, kernel_size: 3}}
- {name: sig, type: Sigmoid, bottom: c, top: c}
- {name: relu, type: ReLU, bottom: c}
- {name: d, type: Convolution, bottom: relu, convolution_param: {num_output: 2, kernel_size: 1}}
""")
    net = Net(path, "TRAIN", half=True)
    assert {name: blob.dtype.name for name, blob in net.blobs.items()} == {
        "x": "float32", "c": "float32", "c_float16": "float16", "relu": "float16", "d": "float16"}


def test_slopes_of_results_are_float32_and_sizes_are_not_cast(tmp_path):
    path = tmp_path / "net.yaml"
    path.write_text("""
layers:
- {name: x, type: Input, input_param: {shape: {dim: [1, 2, 6, 6]}}}
- {name: c, type: Convolution, bottom: x, convolution_param: {num_output: 2, kernel_size: 3}}
- {name: lrn, type: LRN, bottom: c, lrn_param: {local_size: 3}}
- {name: slope, type: Convolution, bottom: lrn, param: {lr_mult: 0},
   convolution_param: {num_output: 2, kernel_size: 3, bias_term: false, weight_filler: EdgeX}}
- {name: large, type: Resize, bottom: [slope, c]}
- {name: s, type: Reduction, bottom: large, loss_weight: 1}
""")
    net = Net(path, "TRAIN", half=True)
    assert {name: blob.dtype.name for name, blob in net.blobs.items()} == {
        "x": "float32", "x_float16": "float16", "c": "float16", "lrn": "float16", "lrn_float32": "float32", "slope": "float32",
        "large": "float32", "s": "float32"}
    loss, gradients = step(net, 16.0)
    expected_loss, expected = step(Net(path, "TRAIN"))
    assert loss == pytest.approx(expected_loss, rel=2e-3) and max(errors(gradients, expected)) < 0.01


def test_is_for_float32_alone(mixed):
    with pytest.raises(SpecError, match="dtype: got 'float64', expected 'float32' for a net with float16 blobs"):
        Net(mixed, "TRAIN", dtype="float64", half=True)
