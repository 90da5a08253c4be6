"""A small network with data and a solver for it, as files."""

import h5py
import numpy as np

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
