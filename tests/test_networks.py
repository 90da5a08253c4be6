"""The networks and solvers that come with the project."""

from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.net import Net
from pycaffe_geo.spec import NetState, check_wiring, filter_net, load_net, load_solver
from pycaffe_geo.weights import write_weights

ROOT = Path(__file__).resolve().parents[1]
NETS = sorted(path.stem for path in (ROOT / "prototxt").glob("*.yaml"))
SMALL = [name for name in NETS if "small" in name]

# AlexNet as BVLC published it: outputs, inputs / group, kernel; then the InnerProducts
ALEXNET = {"conv1": (96, 3, 11, 11), "conv2": (256, 48, 5, 5), "conv3": (384, 256, 3, 3), "conv4": (384, 192, 3, 3),
           "conv5": (256, 192, 3, 3), "fc6": (4096, 9216), "fc7": (4096, 4096)}


def net_file(name):
    return str(ROOT / "prototxt" / f"{name}.yaml")


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    path = tmp_path_factory.mktemp("pairs") / "p.h5"
    write_pairs(path, **render_pairs(World(width=40, height=32, fx=16.4, fy=17.5, samples=1), "train", 1))
    return path


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_every_network_is_wired_in_both_phases_and_has_its_solver(name, phase):
    definition = load_net(net_file(name))
    check_wiring(filter_net(definition, NetState(phase)))
    assert definition.name == name
    solver = load_solver(str(ROOT / "solvers" / f"{name}.yaml"))
    assert Path(solver.net).resolve() == Path(net_file(name)) and solver.snapshot_prefix == f"runs/{name}/net"


@pytest.mark.parametrize("name", SMALL)
def test_a_small_network_learns_the_pairs_it_sees(name, pairs):
    """Twelve pairs, by heart: 60 steps down the gradient lower the loss and move every parameter."""
    words = [f"{layer}.rgbd_pair_data_param.source={pairs}" for layer in ("train_pairs", "test_pairs")]
    words += [f"train_pairs.rgbd_pair_data_param.{key}" for key in ("batch_size=12", "mirror=false", "shuffle=false")]
    words += [] if "own_data" in name else [f"{layer}.rgbd_pair_data_param.world={{}}" for layer in ("train_pairs", "test_pairs")]
    words += ["train_pairs.rgbd_pair_data_param.mirror_vertical=false"]
    net = Net(load_net(net_file(name), overrides=words), "TRAIN", seed=1)
    before = [blob.data.copy() for blob in net.learnable]
    moments = [np.zeros(blob.shape, np.float32) for blob in net.learnable]
    losses = []
    for _ in range(60):
        net.clear_param_diffs()
        net.forward()
        net.backward()
        losses.append(net.loss)
        for blob, moment in zip(net.learnable, moments):
            moment += 0.1 * (blob.diff**2 - moment)
            blob.data[...] -= 1e-3 * blob.diff / (np.sqrt(moment) + 1e-8)
    assert losses[-1] < 0.9 * losses[0]
    assert all((blob.data != old).any() for blob, old in zip(net.learnable, before))


@pytest.fixture(scope="module")
def imagenet(tmp_path_factory):
    """A file laid out like AlexNet's ImageNet weights, of random numbers."""
    path = tmp_path_factory.mktemp("weights") / "alexnet.caffemodel.h5"
    draw = np.random.default_rng(0)
    shapes = {**ALEXNET, "fc8": (1000, 4096)}
    write_weights(path, {k: [draw.normal(size=n).astype("f4") for n in (shape, shape[0])] for k, shape in shapes.items()})
    return path


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["late", "early"])
def test_imagenet_weights_start_the_full_networks(imagenet, kind):
    """Late fusion takes all by name; early fusion's conv1 gets the RGB filters twice, halved; frozen features do not learn."""
    import h5py

    net = Net(net_file(f"pose_{kind}_fusion"), "TRAIN", weights=str(imagenet), freeze=["conv*", "fc6", "fc7"])
    with h5py.File(imagenet) as f:
        for name, shape in ALEXNET.items():
            mine, theirs = net.params[name][0].data, f[f"data/{name}/0"][()]
            if name == "conv1" and kind == "early":
                assert mine.shape == (96, 6, 11, 11)
                np.testing.assert_array_equal(mine[:, :3], theirs / 2)
                np.testing.assert_array_equal(mine[:, 3:], theirs / 2)
            else:
                assert mine.shape == shape
                np.testing.assert_array_equal(mine, theirs)
    learning = [name for name, lr in zip(net.param_names, net.lr_mults) if lr]
    assert learning == ["twist_fc1[0]", "twist_fc1[1]", "twist_fc2[0]", "twist_fc2[1]"]
    first = next(i for i, runs in enumerate(net.backward_layers) if runs)
    assert net.layer_names[first] == "twist_fc1"


def test_the_two_branches_of_late_fusion_share_their_weights(pairs):
    net = Net(load_net(net_file("pose_late_fusion_small")), "TRAIN")
    for layer in ("conv1_conv", "conv2_conv", "conv3_conv"):
        for mine, theirs in zip(net.params[layer], net.params[f"tgt_features_{layer}"]):
            assert mine.shares_data(theirs) and mine.shares_diff(theirs)
