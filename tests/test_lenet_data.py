"""A LeNet prototxt of the original kind, fed with real digits from an LMDB, from HDF5 files and from picture files."""

import numpy as np
import pytest

from data_mnist import mnist, write_digits_lmdb, write_hdf5
from pycaffe_geo.net import Net
from pycaffe_geo.solvers import get_solver

SOURCES = {
    "lmdb": 'type: "Data" data_param { source: "lmdb" batch_size: 50 backend: LMDB }',
    "hdf5": 'type: "HDF5Data" hdf5_data_param { source: "hdf5/list.txt" batch_size: 50 }',
    "images": 'type: "ImageData" image_data_param { source: "list.txt" batch_size: 50 is_color: false }',
}
NET = """
name: "LeNet"
layer { name: "mnist" top: "data" top: "label" transform_param { scale: 0.00390625 } SOURCE }
layer { name: "conv1" type: "Convolution" bottom: "data" top: "conv1" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 20 kernel_size: 5 weight_filler { type: "xavier" } bias_filler { type: "constant" } } }
layer { name: "pool1" type: "Pooling" bottom: "conv1" top: "pool1" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "conv2" type: "Convolution" bottom: "pool1" top: "conv2" param { lr_mult: 1 } param { lr_mult: 2 }
  convolution_param { num_output: 50 kernel_size: 5 weight_filler { type: "xavier" } bias_filler { type: "constant" } } }
layer { name: "pool2" type: "Pooling" bottom: "conv2" top: "pool2" pooling_param { pool: MAX kernel_size: 2 stride: 2 } }
layer { name: "ip1" type: "InnerProduct" bottom: "pool2" top: "ip1" param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: 500 weight_filler { type: "xavier" } bias_filler { type: "constant" } } }
layer { name: "relu1" type: "ReLU" bottom: "ip1" top: "ip1" }
layer { name: "ip2" type: "InnerProduct" bottom: "ip1" top: "ip2" param { lr_mult: 1 } param { lr_mult: 2 }
  inner_product_param { num_output: 10 weight_filler { type: "xavier" } bias_filler { type: "constant" } } }
layer { name: "accuracy" type: "Accuracy" bottom: "ip2" bottom: "label" top: "accuracy" include { phase: TEST } }
layer { name: "loss" type: "SoftmaxWithLoss" bottom: "ip2" bottom: "label" top: "loss" }
"""
SOLVER = """
net: "net.prototxt"
base_lr: 0.01 momentum: 0.9 weight_decay: 0.0005 lr_policy: "inv" gamma: 0.0001 power: 0.75
max_iter: 60 random_seed: 1 solver_mode: CPU snapshot_after_train: false snapshot_prefix: "run/lenet"
"""


@pytest.fixture
def folder(tmp_path):
    """A folder with 500 digits in every format, and one network file for each."""
    images, labels = (values[:500] for values in mnist())
    for name, source in SOURCES.items():
        (tmp_path / f"{name}.prototxt").write_text(NET.replace("SOURCE", source))
    write_hdf5(tmp_path / "hdf5", images, labels)
    return tmp_path


def check_first_batches(path, images, labels):
    net = Net(path, "TEST")
    for start in (0, 50):
        net.forward()
        np.testing.assert_array_equal(net.blobs["data"].data, images[start:start + 50] / np.float32(256))
        np.testing.assert_array_equal(net.blobs["label"].data, labels[start:start + 50])


def test_lenet_reads_hdf5(folder):
    check_first_batches(folder / "hdf5.prototxt", *mnist())


def test_lenet_reads_an_lmdb(folder):
    pytest.importorskip("lmdb")
    write_digits_lmdb(folder / "lmdb", *(values[:500] for values in mnist()))
    check_first_batches(folder / "lmdb.prototxt", *mnist())


def test_lenet_reads_pictures(folder):
    image_module = pytest.importorskip("PIL.Image")
    images, labels = mnist()
    for i, image in enumerate(images[:100]):
        image_module.fromarray(image[0]).save(folder / f"{i}.png")
    (folder / "list.txt").write_text("".join(f"{i}.png {label}\n" for i, label in enumerate(labels[:100])))
    check_first_batches(folder / "images.prototxt", images, labels)


def test_lenet_learns_from_an_lmdb_through_a_solver_prototxt(folder, monkeypatch):
    pytest.importorskip("lmdb")
    write_digits_lmdb(folder / "lmdb", *(values[:500] for values in mnist()))
    (folder / "net.prototxt").write_text((folder / "lmdb.prototxt").read_text())
    (folder / "solver.prototxt").write_text(SOLVER)
    monkeypatch.chdir(folder)
    solver = get_solver("solver.prototxt")
    solver.step(60)
    assert solver.net.loss < 0.5  # log(10) = 2.3 before
