"""A whole geometry net, trained on a GPU and on the CPU: every kernel beside every other, in shared memory."""

import numpy as np

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.net import Net
from pycaffe_geo.solvers.rules import Updater
from pycaffe_geo.spec import SolverDef

NET = """
name: chain
layers:
- {name: src, type: Input, input_param: {shape: {dim: [2, 3, 12, 14]}}}
- {name: depth, type: Input, input_param: {shape: {dim: [2, 1, 12, 14]}}}
- {name: intrinsics, type: Input, input_param: {shape: {dim: [2, 4, 1, 1]}}}
- name: conv
  type: Convolution
  bottom: src
  convolution_param: {num_output: 4, kernel_size: 3, bias_term: false, weight_filler: xavier}
- {name: bn, type: BatchNorm, bottom: conv, top: conv}
- {name: scale, type: Scale, bottom: conv, top: conv, scale_param: {bias_term: true}}
- {name: relu, type: ReLU, bottom: conv, top: conv}
- {name: lrn, type: LRN, bottom: conv}
- {name: pool, type: Pooling, bottom: lrn, pooling_param: {kernel_size: 3, stride: 2}}
- {name: xi, type: InnerProduct, bottom: pool, inner_product_param: {num_output: 6, weight_filler: {type: gaussian, std: 0.01}}}
- {name: T, type: SE3Generator, bottom: xi}
- {name: points, type: Transform3DGrid, bottom: [depth, T, intrinsics]}
- {name: projection, type: PinholeProjection, bottom: [points, intrinsics], top: [flow, coords, seen]}
- {name: warped, type: InverseWarping, bottom: [src, coords]}
- {name: loss, type: AbsLoss, bottom: [warped, src, seen]}
- {name: unused, type: Silence, bottom: flow}
"""


def train(device, path):
    """Return the losses of 3 updates and the weights after them."""
    net = Net(path, phase="TRAIN", device=device, dtype="float64", seed=1)
    net.share_memory()
    draws = np.random.default_rng(0)
    inputs = {"src": draws.uniform(0, 255, (2, 3, 12, 14)), "depth": draws.uniform(1, 5, (2, 1, 12, 14)),
              "intrinsics": np.tile([10, 10, 6.5, 5.5], (2, 1)).reshape(2, 4, 1, 1)}
    for name, values in inputs.items():
        net.blobs[name].data[...] = device.asarray(values)
    updater = Updater(SolverDef(type="Adam", momentum=0.9), net.learnable, net.lr_mults, net.decay_mults)
    losses = []
    for t in range(3):
        net.clear_param_diffs()
        net.forward()
        net.backward()
        losses.append(net.loss)
        updater.apply(1e-3, t)
    return losses, [asnumpy(b.data) for b in net.learnable]


def test_as_on_the_cpu(kernel_gpu, tmp_path):
    path = tmp_path / "chain.yaml"
    path.write_text(NET)
    (losses, weights), (expected_losses, expected) = (train(d, path) for d in (kernel_gpu, CPU))
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-9)
    for found, wanted in zip(weights, expected):
        np.testing.assert_allclose(found, wanted, rtol=1e-7, atol=1e-10)
