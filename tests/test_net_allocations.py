"""After warming up, an iteration allocates no arrays: every buffer is made once for each shape."""

import tracemalloc
from importlib.util import find_spec
from pathlib import Path

import pytest

from pycaffe_geo.commands._inputs import fill_inputs, replace_data
from pycaffe_geo.net import Net
from pycaffe_geo.ops import threads
from pycaffe_geo.solvers.numeric import squared_norm
from pycaffe_geo.solvers.rules import RULES, Updater
from pycaffe_geo.spec import NetState, SolverDef, filter_net, load_net

SMALL = 128 << 10  # bytes: NumPy's functions buffer up to 64 KiB, kernels make sums by channel or by row of an image
EXPRESSIONS = {"Transform3DGrid", "PinholeProjection", "InverseWarping"}  # without the extra `fast` these are NumPy expressions
POSE = Path(__file__).resolve().parents[1] / "prototxt" / "pose_early_fusion_small.yaml"
IMAGE = (4, 3, 96, 128)
PAIR = {"src": IMAGE, "tgt": IMAGE, "depth": (4, 1, 96, 128), "intrinsics": (4, 4, 1, 1), "pose": (4, 1, 4, 4)}
ENCODER_DECODER = """
layers:
- {name: x, type: Input, top: [x, t], input_param: {shape: [{dim: [2, 16, 96, 128]}, {dim: [2, 1, 96, 128]}]}}
- {name: c1, type: Convolution, bottom: x, convolution_param: {num_output: 32, kernel_size: 3, pad: 1, stride: 2}}
- {name: bn, type: BatchNorm, bottom: c1, top: c1}
- {name: scale, type: Scale, bottom: c1, top: c1, scale_param: {bias_term: true}}
- {name: r1, type: ReLU, bottom: c1, top: c1}
- {name: pool, type: Pooling, bottom: c1, pooling_param: {pool: MAX, kernel_size: 2, stride: 2}}
- {name: c2, type: Convolution, bottom: pool, convolution_param: {num_output: 32, kernel_size: 1}}
- {name: sum, type: Eltwise, bottom: [pool, c2]}
- {name: r2, type: ReLU, bottom: sum, relu_param: {negative_slope: 0.1}}
- {name: drop, type: Dropout, bottom: r2, top: r2}
- {name: up, type: Deconvolution, bottom: r2, convolution_param: {num_output: 32, kernel_size: 4, pad: 1, stride: 2}}
- {name: skip, type: Concat, bottom: [up, c1]}
- {name: lrn, type: LRN, bottom: skip}
- {name: d, type: Convolution, bottom: lrn, convolution_param: {num_output: 1, kernel_size: 3, pad: 1}}
- {name: sig, type: Sigmoid, bottom: d}
- {name: fine, type: Resize, bottom: sig, resize_param: {zoom_factor: 2}}
- {name: depth, type: Power, bottom: fine, power_param: {power: -1, scale: 10, shift: 0.1}}
- {name: loss, type: EuclideanLoss, bottom: [depth, t]}
- {name: wide, type: InnerProduct, bottom: pool, inner_product_param: {num_output: 8}}
- {name: size, type: Reduction, bottom: wide, reduction_param: {operation: SUMSQ}, loss_weight: 1}
"""


def allocated(call, *arguments):
    """Return the most bytes that `call` has taken, beyond what there was, at any time."""
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    call(*arguments)
    return tracemalloc.get_traced_memory()[1] - before


def made(text, shapes):
    definition = load_net("n.yaml", text=text) if text else load_net(str(POSE))
    net = Net(replace_data(filter_net(definition, NetState("TRAIN")), shapes), "TRAIN", seed=1)
    net.share_memory()
    fill_inputs(net, 1)
    return net


@pytest.mark.parametrize("engines", ["numpy", ""])
@pytest.mark.parametrize("text, shapes", [(ENCODER_DECODER, {}), ("", PAIR)], ids=["encoder-decoder", "pose"])
def test_an_iteration_allocates_nothing(text, shapes, engines, monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", engines)
    monkeypatch.setattr(threads, "parts", lambda: 1)  # each has such buffers
    net = made(text, shapes)
    assert max(blob.data.nbytes for blob in net.blobs.values() if not blob.memories[0].lost) > 4 * SMALL
    for _ in range(3):
        net.clear_param_diffs()
        net.forward()
        net.backward()
    tracemalloc.start()
    try:
        net.clear_param_diffs()
        sizes = {("forward", i): allocated(net.forward_layer, i) for i in range(len(net.layers))}
        sizes |= {("backward", i): allocated(net.backward_layer, i) for i in reversed(range(len(net.layers)))}
        sizes["norm", 0] = allocated(squared_norm, net.learnable)
    finally:
        tracemalloc.stop()
    large = {(net.layer_names[i], phase): size for (phase, i), size in sizes.items() if size > SMALL}
    types = {net.layers[net.layer_index(name)].type for name, _ in large}
    assert types <= (EXPRESSIONS if engines or find_spec("numba") is None else set()), large


@pytest.mark.parametrize("engines", ["numpy", ""])
@pytest.mark.parametrize("rule", RULES)
def test_an_update_allocates_nothing(rule, engines, monkeypatch):
    monkeypatch.setenv("PYCAFFE_GEO_ENGINES", engines)
    monkeypatch.setattr(threads, "parts", lambda: 1)  # each has such buffers
    net = made(ENCODER_DECODER, {})
    momentum = {} if rule in ("AdaGrad", "RMSProp") else {"momentum": 0.9}
    solver = SolverDef(type=rule, base_lr=1e-3, weight_decay=1e-4, delta=1e-6, **momentum)
    updater = Updater(solver, net.learnable, net.lr_mults, net.decay_mults)
    assert max(blob.data.nbytes for blob in net.learnable) > SMALL
    updater.apply(1e-3, 0, 0.5)
    tracemalloc.start()
    try:
        assert allocated(updater.apply, 1e-3, 1, 0.5) <= SMALL
    finally:
        tracemalloc.stop()
