"""The networks after Learning to See by Moving."""

from pathlib import Path

import numpy as np
import pytest

from data_mnist import mnist, write_hdf5
from pycaffe_geo.gradient_check_net import check_net
from pycaffe_geo.net import Net
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.spec import load_net

ROOT = Path(__file__).resolve().parents[2]
DIGITS = np.random.default_rng(0).integers(0, 256, (8, 1, 28, 28), np.uint8)
# Agrawal et al. 2015: streams C96 C256 C384 C384 C256 of CaffeNet, top network C256 C128 F500 and the classes:
# outputs, inputs of a group, kernel
SIAMESE = {"conv1": (96, 3, 11, 11), "conv2": (256, 48, 5, 5), "conv3": (384, 256, 3, 3), "conv4": (384, 192, 3, 3),
           "conv5": (256, 192, 3, 3), "conv6": (256, 256, 3, 3), "conv7": (128, 256, 3, 3), "top_fc": (500, 128)}
SLIM = {"lsm_digits": ["top_fc.inner_product_param.num_output=4"],
        "lsm_digits_geometry": ["top_fc.inner_product_param.num_output=4"],
        "lsm_digits_classifier": ["digit_fc.inner_product_param.num_output=8"]}
SIAMESE |= {f"motion_{name}_class_scores": (22, 500) for name in ("rx", "ry", "rz", "tx", "ty", "tz")}


def digits_net(name, folder, phase="TRAIN", words=(), **options):
    """Return the network `name`, reading DIGITS in batches of 2."""
    source = write_hdf5(folder, DIGITS, np.arange(len(DIGITS)))
    layer = f"{phase.lower()}_data" if "classifier" in name else "digits"
    words = [*words, f"{layer}.hdf5_data_param.source={source}", f"{layer}.hdf5_data_param.batch_size=2"]
    if "classifier" not in name:
        words += [f"{draw}.dummy_data_param.shape={{dim: [2, {n}]}}" for draw, n in (("angle", 1), ("offset", 2))]
    return Net(load_net(str(ROOT / "prototxt" / f"{name}.yaml"), overrides=words), phase, **options)


def test_siamese_network_is_the_published_one():
    one = ["train_pairs.rgbd_pair_data_param.batch_size=1"]
    net = Net(load_net(str(ROOT / "prototxt" / "lsm_siamese.yaml"), overrides=one), "TRAIN")
    shapes = {name: blobs[0].shape for name, blobs in net.params.items() if not name.startswith("tgt_stream")}
    assert shapes == SIAMESE
    assert net.blobs["conv7"].shape == (1, 128, 1, 1)
    assert all(mine.shares_data(net.params[f"tgt_stream_conv{i}"][k]) for i in range(1, 6)
               for k, mine in enumerate(net.params[f"conv{i}"]))


def test_motion_moves_the_digit_about_its_centre(tmp_path):
    net = digits_net("lsm_digits_geometry", tmp_path, "TEST")
    net.forward()
    src, motion = net.blobs["src"].data, net.blobs["motion"].data
    angle, dx, dy = motion[1].tolist()
    x, y = 10 - 13.5, 12 - 13.5                      # the source of pixel (10, 12)
    u = np.cos(angle) * x - np.sin(angle) * y + dx + 13.5
    v = np.sin(angle) * x + np.cos(angle) * y + dy + 13.5
    i, j = int(np.floor(v)), int(np.floor(u))
    weights = np.outer([1 - (v - i), v - i], [1 - (u - j), u - j])
    assert net.blobs["tgt"].data[1, 0, 12, 10] == pytest.approx((weights * src[1, 0, i:i + 2, j:j + 2]).sum(), rel=1e-4)
    assert abs(net.blobs["turn"].data - np.floor((motion[:, 0] + 0.5236) / 1.0472 * 20)).max() == 0
    assert abs(net.blobs["dx"].data - np.floor(motion[:, 1] + 3.5)).max() == 0


def test_the_right_motion_leaves_no_photometric_error(tmp_path):
    net = digits_net("lsm_digits_geometry", tmp_path, "TEST")
    net.forward()
    net.blobs["predicted"].data[...] = net.blobs["motion"].data
    net.forward(start="warped_transform")
    assert net.blobs["photometric"].data < 1e-8
    assert [float(net.blobs[f"{name}_error"].data) for name in ("dx", "dy", "turn")] == [0, 0, 0]


@pytest.mark.parametrize("name", ["lsm_digits", "lsm_digits_geometry", "lsm_digits_classifier"])
def test_gradients_of_the_whole_network(name, tmp_path):
    net = digits_net(name, tmp_path, words=SLIM[name], seed=2)
    for blob in net.learnable:
        if len(blob.shape) == 1:  # no ReLU on its edge over black, and a motion away from the identity
            blob.data[...] = 0.05 * np.random.default_rng(1).normal(size=blob.shape)
    net.forward()
    report = check_net(net, probes=6)
    assert report.ok, report


@pytest.mark.slow
def test_motion_of_real_digits_is_learnt(tmp_path, monkeypatch):
    """120 iterations: classes within one of the true one far above chance (43 %)."""
    images, labels = mnist()
    for name, rows in (("digits_train", slice(0, 4000)), ("digits_test", slice(8000, 9000))):
        write_hdf5(tmp_path / name, images[rows], labels[rows])
        (tmp_path / f"{name}.txt").write_text(f"{name}/data.h5\n")
    (tmp_path / "prototxt").symlink_to(ROOT / "prototxt")
    monkeypatch.chdir(tmp_path)
    solver = get_solver(str(ROOT / "solvers" / "lsm_digits.yaml"), max_iter=120, test_iter=(5,), test_interval=120, snapshot=0)
    solver.solve()
    means = solver.test().values
    assert means["dx_class_within_one"] > 0.7 and means["dy_class_within_one"] > 0.7
