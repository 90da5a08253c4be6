"""Depth-VO-Feat: sizes, the recorded training graph of the publication, and gradients of the small twin."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from golden import GOLDEN
from pycaffe_geo import Net
from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.layer import layer_class
from pycaffe_geo.spec import load_net
from slopes import slope_errors

PROTOTXT = Path(__file__).resolve().parents[2] / "prototxt"
RECORDED = GOLDEN / "nets" / "dvf_train_slim.h5"
NETWORK = "\n".join([
    "name: losses", "include: [modules/depth_vo_feat.yaml]", "layers:",
    *("- {name: %s, type: Input, input_param: {shape: {dim: [N, 3, SIZE]}}}" % name for name in ("tgt", "right", "previous")),
    "- {name: intrinsics, type: Input, input_param: {shape: {dim: [N, 4, 1, 1]}}}",
    "- {name: stereo, type: Input, input_param: {shape: {dim: [N, 6, 1, 1]}}}",
    "- {name: losses, module: depth_vo_losses, prefix: '', bottom: [tgt, right, previous, intrinsics, stereo], WIDTHS,",
    "   top: [depth, T, coords]}"])
INPUTS = {"tgt": "imR2", "right": "imL2", "previous": "imR1", "intrinsics": "raw_K", "stereo": "T_R2L"}  # ours: theirs


def network(batch, size, widths):
    text = NETWORK.replace("N,", f"{batch},").replace("SIZE", size).replace("WIDTHS", widths)
    return load_net(str(PROTOTXT / "losses.yaml"), text)


def test_sizes_are_the_published_ones():
    """At 160 x 608. The counts: their prototxt's layers, added up; BatchNorm's statistics are not among them."""
    net = Net(network(1, "160, 608", "width: 64, odometry_width: 16"), "TRAIN")
    shapes = {"conv1": (64, 80, 304), "pool1": (64, 40, 152), "stage0": (128, 40, 152), "stage1": (256, 20, 76),
              "stage2": (512, 10, 38), "stage3": (1024, 5, 19), "inverse_depth": (1, 160, 608), "odometry_conv6": (256, 3, 10),
              "odometry_fc2": (512, 1, 1)}
    assert {name: (*net.blobs[name].shape[1:], 1, 1)[:3] for name in shapes} == shapes
    learning = {name: blob.count for name, blob, lr in zip(net.param_names, net.learnable, net.lr_mults) if lr}
    odometry = sum(count for name, count in learning.items() if name.startswith("odometry"))
    assert (odometry, sum(learning.values()) - odometry) == (5_193_558, 5_918_789)


@pytest.mark.skipif(not RECORDED.exists(), reason=f"{RECORDED} is missing")
def test_at_the_recorded_width_it_is_the_published_graph():
    """The same layers in the same order of parameters; with their weights and inputs the same losses and gradients."""
    import h5py

    theirs = Net(str(RECORDED.with_suffix(".prototxt")), "TRAIN", dtype="float64")
    theirs.copy_from(RECORDED.with_suffix(".caffemodel.h5"))
    ours = Net(network(2, "64, 128", "width: 8, odometry_width: 2"), "TRAIN", dtype="float64")
    types = [Counter(layer_class(layer.type) for layer in net.layers if layer.type != "Input") for net in (ours, theirs)]
    assert types[0] == types[1]
    pairs = [(mine, his) for mine, his in zip(*([layer for layer in net.layers if layer.blobs] for net in (ours, theirs)))]
    for mine, his in pairs:
        assert mine.type == his.type and [b.shape for b in mine.blobs] == [b.shape for b in his.blobs], (mine.name, his.name)
        for blob, other in zip(mine.blobs, his.blobs):
            blob.data[...] = other.data
    with h5py.File(RECORDED) as f:
        inputs = {name: f["inputs"][name][()] for name in INPUTS.values()}
        recorded = f.attrs["loss"]
    for net, values in ((ours, {mine: inputs[his] for mine, his in INPUTS.items()}), (theirs, inputs)):
        net.forward(**values)
        net.backward()
    assert ours.loss == pytest.approx(theirs.loss, rel=1e-12) == pytest.approx(recorded, rel=1e-6)
    assert ours.lr_mults == theirs.lr_mults
    for mine, his in pairs:
        for blob, other in zip(mine.blobs, his.blobs):
            np.testing.assert_allclose(blob.diff, other.diff, rtol=1e-9, atol=1e-9 * max(1, abs(other.diff).max()))


WORDS = [f"{name}_score.convolution_param.weight_filler={{type: gaussian, std: 0.02}}" for name in ("coarse", "fuse4_skip")]
WORDS += ["coarse_score.convolution_param.bias_filler.value=1",
          "odometry_numbers.inner_product_param.weight_filler={type: gaussian, std: 0.3}"]


def narrow_twin(tmp_path, stages=()):
    """Return the TRAIN Net of the small twin at a quarter of its width; what is 0 at first is not, so that all moves."""
    draw = np.random.default_rng(0)
    pictures = {name: draw.integers(0, 256, (4, 32, 32, 3)) for name in ("color", "right")}
    write_pairs(tmp_path / "frames.h5", intrinsics=np.tile([20, 20, 15.5, 15.5], (4, 1)), baseline=np.full(4, 0.2),
                sequence=[0, 0, 1, 1], **pictures)
    text = (PROTOTXT / "depth_vo_feat_small.yaml").read_text(encoding="utf-8")
    for old, new in (("  width: 8", "  width: 2"), ("odometry_width: 8", "odometry_width: 1")):
        assert old in text
        text = text.replace(old, new)
    words = [f"train_frames.frame_data_param.{word}" for word in (f"source={tmp_path / 'frames.h5'}", "world={}", "batch_size=2",
                                                                  "mirror=false", "shuffle=false", "color_jitter=0")]
    return Net(load_net(str(PROTOTXT / "narrow.yaml"), text, overrides=[*WORDS, *words]), "TRAIN", dtype="float64", stages=stages)


def test_gradients_of_the_small_twin(tmp_path):
    net = narrow_twin(tmp_path)
    errors = slope_errors(net)
    assert "features_stereo" not in net.blobs and net.blobs["coords"].data.max() > 0
    assert len(errors) > 100 and max(errors.values()) < 1e-6, {k: v for k, v in errors.items() if v >= 1e-6}


def test_the_stage_feature_adds_the_reconstruction_of_features(tmp_path):
    """Two more losses, of features that do not learn."""
    net = narrow_twin(tmp_path, ("feature",))
    net.forward()
    net.backward()
    images, features = (net.blobs[f"{kind}_stereo"].data + net.blobs[f"{kind}_temporal"].data for kind in ("image", "features"))
    smooth = sum(net.blobs[f"smoothness_{axis}"].data for axis in "xy")
    assert features > 0 and net.loss == pytest.approx(images + 5 * smooth + 0.1 * features)
    assert not [name for name, lr in zip(net.param_names, net.lr_mults) if lr and "conv1_1" in name]
    assert net.params["previous_features_conv1_1"][0].shares_data(net.params["conv1_1"][0])
