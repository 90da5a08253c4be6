"""A small network with data and a solver for it, as files, and a layer that breaks it."""

import h5py
import numpy as np

from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.layer import Layer, register

NET = """
name: small
layers:
- {name: data, type: HDF5Data, top: [data, target], hdf5_data_param: {source: DATA, batch_size: 4, shuffle: true}}
- {name: ip1, type: InnerProduct, bottom: data, inner_product_param: {num_output: 8, weight_filler: xavier}}
- {name: tanh, type: TanH, bottom: ip1, top: ip1}
- {name: drop, type: Dropout, bottom: ip1, dropout_param: {dropout_ratio: 0.3}}
- {name: ip2, type: InnerProduct, bottom: drop, inner_product_param: {num_output: 3, weight_filler: xavier}}
- {name: loss, type: EuclideanLoss, bottom: [ip2, target]}
"""

POSE_NET = """
name: pose
layers:
- {name: data, type: RGBDPairData, top: [src, tgt, depth, intrinsics, pose],
   rgbd_pair_data_param: {source: PAIRS, batch_size: 4, shuffle: true, mirror: true, prefetch: true}}
- {name: both, type: Concat, bottom: [src, tgt]}
- {name: conv, type: Convolution, bottom: both,
   convolution_param: {num_output: 4, kernel_size: 5, stride: 4, weight_filler: xavier}}
- {name: norm, type: BatchNorm, bottom: conv}
- {name: relu, type: ReLU, bottom: norm}
- {name: drop, type: Dropout, bottom: relu, dropout_param: {dropout_ratio: 0.3}}
- {name: twist, type: InnerProduct, bottom: drop,
   inner_product_param: {num_output: 6, weight_filler: {type: gaussian, std: 1e-3}}}
- {name: T, type: SE3Generator, bottom: twist}
- {name: points, type: Transform3DGrid, bottom: [depth, T, intrinsics]}
- {name: projection, type: PinholeProjection, bottom: [points, intrinsics], top: [flow, coords, seen]}
- {name: warped, type: InverseWarping, bottom: [src, coords]}
- {name: loss, type: AbsLoss, bottom: [warped, tgt, seen], loss_param: {normalization: VALID}, loss_weight: 1e-2}
"""

SOLVER = """
net: NET
type: SGD
base_lr: 0.05
momentum: 0.9
weight_decay: 0.001
max_iter: 60
display: 5
average_loss: 3
test_iter: 2
test_interval: 20
snapshot: 25
snapshot_prefix: PREFIX
random_seed: 7
"""


def write_small(folder, net=NET, solver=SOLVER):
    """Write a regression task of 22 records, the network and the solver to `folder`; return the solver file."""
    rng = np.random.default_rng(3)
    data = rng.normal(size=(22, 5)).astype("float32")
    with h5py.File(folder / "data.h5", "w") as f:
        f["data"] = data
        f["target"] = np.tanh(data[:, :3] - data[:, 2:]).astype("float32")
    (folder / "data.txt").write_text(f"{folder / 'data.h5'}\n")
    (folder / "net.yaml").write_text(net.replace("DATA", str(folder / "data.txt")))
    path = folder / "solver.yaml"
    path.write_text(solver.replace("NET", str(folder / "net.yaml")).replace("PREFIX", str(folder / "run" / "small")))
    return path


def write_pose(folder):
    """Write 24 pairs of views, a network that learns their motion, and a solver to `folder`; return the solver file."""
    write_pairs(folder / "pairs.h5", **render_pairs(World(width=20, height=16, samples=2), "train", 2))
    return write_small(folder, POSE_NET.replace("PAIRS", str(folder / "pairs.h5")), SOLVER.replace("0.05", "1e-4"))


@register
class BadGradientTest(Layer):
    """Passes data on; in iteration 4 its gradient has a NaN."""

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        top[0].data[...] = bottom[0].data

    def backward(self, top, propagate_down, bottom):
        bottom[0].diff[...] = top[0].diff
        if self.clock.iteration == 4:
            bottom[0].diff.reshape(-1)[3] = np.nan
