"""Pose from the frozen features of a depth network: what is frozen, what is shared, and the gradients."""

import numpy as np
import pytest

from depth_networks import ROOT, depth_net, weight_shapes, write_frames
from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.gradient_check_net import check_net
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net, load_solver


def pose_net(name, *words):
    return load_net(str(ROOT / "prototxt" / f"{name}.yaml"), overrides=words)


def freeze_of(name):
    return load_solver(str(ROOT / "solvers" / f"{name}.yaml")).freeze


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "pairs.h5"
    write_pairs(path, **render_pairs(World(width=16, height=16, fx=13, samples=1), "train", 1))
    layers = [f"{phase}_pairs.rgbd_pair_data_param" for phase in ("train", "test")]
    return [f"{layer}.{text}" for layer in layers for text in (f"source={path}", "batch_size=4")]


def first_backward(net):
    return net.layer_names[next(i for i, runs in enumerate(net.backward_layers) if runs)]


def learning(net):
    return {name.partition("[")[0] for name, lr in zip(net.param_names, net.lr_mults) if lr}


def test_the_published_size_taps_the_last_features_and_learns_what_is_above():
    few = [f"{layer}_pairs.rgbd_pair_data_param.batch_size=1" for layer in ("train", "test")]
    net = Net(pose_net("pose_from_depth_features", *few), "TRAIN", freeze=freeze_of("pose_from_depth_features"))
    assert net.blobs["src_stage3"].shape == net.blobs["tgt_stage3"].shape == (1, 1024, 6, 8)
    assert learning(net) == {"joined_conv", "twist_fc1", "twist_fc2"} and first_backward(net) == "joined_conv"
    shapes = dict(weight_shapes(net, "Convolution") + weight_shapes(net, "InnerProduct"))
    assert shapes["joined_conv"] == (256, 2048, 3, 3) and shapes["twist_fc1"] == (1024, 256 * 6 * 8)
    frozen = [layer for layer in net.layers if layer.type == "BatchNorm"]
    assert frozen and all(layer.frozen for layer in frozen)  # of both images: they keep the statistics of depth


def test_the_depth_networks_weights_are_loaded_shared_and_kept(pairs, tmp_path):
    depth = Net(depth_net("depth_unet_eigen_small", write_frames(tmp_path / "frames.h5", 24, 32)), "TRAIN", seed=7)
    depth.save(tmp_path / "depth.caffemodel.h5")
    frozen = freeze_of("pose_from_depth_features_small")
    net = Net(pose_net("pose_from_depth_features_small", *pairs), "TRAIN", str(tmp_path / "depth.caffemodel.h5"), freeze=frozen)
    for layer in ("down0_a_conv", "down1_b_conv", "down2_b_conv"):
        for mine, shared, theirs in zip(net.params[layer], net.params[f"tgt_features_{layer}"], depth.params[layer]):
            assert mine.shares_data(shared)
            np.testing.assert_array_equal(mine.data, theirs.data)
    assert learning(net) == {"joined_conv", "twist_fc1", "twist_fc2"} and first_backward(net) == "joined_conv"
    net.forward()
    net.backward()
    assert not net.params["down2_b_conv"][0].diff.any() and net.params["joined_conv"][0].diff.any()


def test_without_freeze_all_of_it_learns(pairs):
    net = Net(pose_net("pose_from_depth_features_small", *pairs), "TRAIN")
    net.forward()
    net.backward()
    assert first_backward(net) == "down0_a_conv" and all(blob.diff.any() for blob in net.learnable)


def test_the_gradients_of_the_whole_small_twin_are_right(pairs):
    text = (ROOT / "prototxt" / "pose_from_depth_features_small.yaml").read_text(encoding="utf-8")
    text = text.replace("n: 16", "n: 4").replace("n: 128", "n: 4").replace("pose_head,", "pose_head, hidden: 6,")
    louder = "twist_fc2.inner_product_param.weight_filler.std=0.3"  # else gradients are too small at first to measure well
    net = load_net(str(ROOT / "prototxt" / "slim.yaml"), text, overrides=[*pairs, louder])
    report = check_net(net, probes=8, seed=2)
    assert report.ok, report
