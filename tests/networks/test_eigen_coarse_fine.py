"""Eigen's two-scale network: the published layers and sizes, its two training stages, and its gradients."""

import numpy as np
import pytest

from depth_networks import ROOT, depth_net, learnable_count, published, weight_shapes, write_frames
from pycaffe_geo.gradient_check_net import check_net
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net, load_solver

# Eigen, Puhrsch and Fergus 2014, figure 1, for NYUDepth: filters of 304 x 228 pixels, and the size of what comes out
COARSE = [((96, 3, 11, 11), (27, 37)), ((256, 96, 5, 5), (13, 18)), ((384, 256, 3, 3), (13, 18)), ((384, 384, 3, 3), (13, 18)),
          ((256, 384, 3, 3), (6, 8))]  # after pooling, where there is one
FULL = [(4096, 256 * 6 * 8), (74 * 55, 4096)]
FINE = [((63, 3, 9, 9), (55, 74)), ((64, 64, 5, 5), (55, 74)), ((1, 64, 5, 5), (55, 74))]
POOLED = {"coarse_conv1": "coarse_pool1", "coarse_conv2": "coarse_pool2", "coarse_conv5": "coarse_pool5",
          "fine_conv1": "fine_pool1", "fine_log_depth": "fine"}


@pytest.mark.slow  # 85 million parameters
def test_layers_and_sizes_are_the_published_ones(tmp_path):
    net = published("eigen_coarse_fine", tmp_path, 228, 304)
    convolutions = [(name.removesuffix("_conv"), shape) for name, shape in weight_shapes(net, "Convolution")]
    found = [(shape, net.blobs[POOLED.get(name, name)].shape[2:]) for name, shape in convolutions]
    assert found == COARSE + FINE
    assert [shape for _, shape in weight_shapes(net, "InnerProduct")] == FULL
    assert net.blobs["coarse"].shape == (2, 1, 55, 74)
    filters = [shape for shape, _ in COARSE + FINE] + FULL
    assert learnable_count(net) == sum(int(np.prod(shape)) + shape[0] for shape in filters)
    rates = dict(zip(net.param_names, net.lr_mults))
    learned = ("coarse_conv1_conv", "coarse_fc6", "coarse_fc7", "fine_conv1_conv", "fine_conv2_conv", "fine_log_depth")
    assert [rates[f"{name}[0]"] for name in learned] == [1, 100, 100, 1, 10, 1]


@pytest.fixture(scope="module")
def frames(tmp_path_factory):
    return write_frames(tmp_path_factory.mktemp("frames") / "frames.h5", 114, 152)


def test_the_first_stage_is_the_coarse_network_alone(frames):
    net = Net(depth_net("eigen_coarse_fine_small", frames), "TRAIN", stages=["coarse"], seed=1)
    assert not any(name.startswith("fine") for name in net.layer_names)
    assert {"coarse_drop6", "coarse_depth_eigen"} <= set(net.layer_names)
    net.forward()
    net.backward()
    assert net.blobs["depth"].shape == (2, 1, 26, 36) and all(blob.diff.any() for blob in net.learnable)


def test_the_second_stage_holds_the_coarse_network_fixed(frames):
    """Nothing below the fine network learns, drops out or goes backward."""
    freeze = load_solver(str(ROOT / "solvers" / "eigen_coarse_fine_small.yaml")).freeze
    net = Net(depth_net("eigen_coarse_fine_small", frames), "TRAIN", freeze=freeze, seed=1)
    assert [name for name, lr in zip(net.param_names, net.lr_mults) if lr] == [
        f"{layer}[{i}]" for layer in ("fine_conv1_conv", "fine_conv2_conv", "fine_log_depth") for i in (0, 1)]
    assert "coarse_drop6" not in net.layer_names and "coarse_depth_eigen" not in net.layer_names
    first = next(i for i, runs in enumerate(net.backward_layers) if runs)
    assert net.layer_names[first] == "fine_conv1_conv"


@pytest.mark.parametrize("stages", [["coarse"], []])
def test_the_gradients_of_the_whole_small_twin_are_right(stages):
    text = (ROOT / "prototxt" / "eigen_coarse_fine_small.yaml").read_text(encoding="utf-8")
    text = text.replace("slim: 4", "slim: 32").replace("height: 26, width: 36", "height: 13, width: 18")
    keep = ["coarse_drop6.dropout_param.dropout_ratio=0", "coarse_fc7.inner_product_param.weight_filler.std=0.1"]
    net = load_net(str(ROOT / "prototxt" / "slim.yaml"), text, overrides=keep)
    draw = np.random.default_rng(1)
    inputs = {"image": draw.uniform(0, 255, (1, 3, 60, 80)), "truth": draw.uniform(1, 4, (1, 1, 60, 80))}
    report = check_net(net, inputs=inputs, probes=8, stages=stages)
    assert report.ok, report


def test_depth_is_measured_at_the_size_of_the_truth(frames):
    for stages in (["coarse"], []):
        net = Net(depth_net("eigen_coarse_fine_small", frames), "TEST", stages=stages)
        net.forward()
        assert net.blobs["full_size"].shape == (1, 1, 114, 152) and net.blobs["full_size"].data.min() > 0
        assert {"abs_rel", "silog", "a3"} <= set(net.outputs)
