"""The networks and solvers that come with the project."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from golden import GOLDEN
from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.datasets.rooms import World, render_pairs
from pycaffe_geo.net import Net
from pycaffe_geo.spec import NetState, check_wiring, filter_net, load_net, load_solver
from pycaffe_geo.weights import write_weights

ROOT = Path(__file__).resolve().parents[1]
NETS = sorted(path.stem for path in (ROOT / "prototxt").glob("*.yaml"))
SMALL = [name for name in NETS if "fusion_small" in name]

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
def test_every_network_is_wired_in_both_phases_and_each_that_has_data_has_its_solver(name, phase):
    definition = load_net(net_file(name))
    check_wiring(filter_net(definition, NetState(phase)))
    assert definition.name == name
    if any(layer.type == "Input" for layer in definition.layers):
        return  # measured or looked at, not trained
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


@pytest.mark.parametrize("size", [(64, 128), (70, 90)])  # and one whose halves are odd
def test_dispnet_gives_disparities_at_four_scales(size):
    words = [f"image.input_param={{shape: {{dim: [1, 3, {size[0]}, {size[1]}]}}}}"]
    net = Net(load_net(net_file("dispnet"), overrides=words), "TRAIN")
    net.blobs["image"].data[...] = np.random.default_rng(0).uniform(0, 255, net.blobs["image"].shape)
    net.forward()
    for scale in range(4):
        disparity = net.blobs[f"disp{scale + 1}"].data
        assert disparity.shape == (1, 1, *(-(-n // 2**scale) for n in size))
        assert 0.01 <= disparity.min() < disparity.max() <= 10.01
    assert sum(blob.count for blob in net.learnable) == 31_596_900
    encoder = [net.params[f"cnv{i}_a_conv"][0].shape for i in range(1, 8)]
    assert [(shape[0], shape[2]) for shape in encoder] == [(32, 7), (64, 5), (128, 3), (256, 3), (512, 3), (512, 3), (512, 3)]


def graph(net):
    """Return [(type, numbers of the layers that made the bottoms, the layer)] of all layers but Input and the stand-in loss."""
    made, rows = {}, []
    for layer in (layer for layer in net.layers if layer.type not in ("Input", "Reduction")):
        bottoms = [made.get(name, "input") for name in layer.bottom]
        made.update(dict.fromkeys(layer.top, len(rows)))
        rows.append((layer.type, bottoms, layer))
    return rows


@pytest.mark.skipif(not GOLDEN.exists(), reason=f"{GOLDEN} is missing")
def test_resnet50_1by2_is_the_published_network():
    """The recorded copy is slimmed by 8 and names its layers otherwise; all else is equal, but that BatchNorm is not frozen."""
    published = graph(load_net(str(GOLDEN / "nets" / "ude_resnet50by2_slim.prototxt")))
    ours = graph(filter_net(load_net(net_file("resnet50_1by2")), NetState("TRAIN")))
    assert [row[:2] for row in ours] == [row[:2] for row in published]
    for (_, _, mine), (_, _, theirs) in zip(ours, published):
        assert [rate.lr_mult for rate in mine.param or theirs.param] == [rate.lr_mult for rate in theirs.param], mine.name
        for key in set(mine.parameters) - {"batch_norm_param"}:
            assert same(key, mine.parameters[key], theirs.parameters[key]), mine.name


def same(key, mine, theirs):
    if key != "convolution_param":
        return mine == theirs
    width = theirs.num_output if theirs.num_output == 1 else 8 * theirs.num_output
    theirs = dataclasses.replace(theirs, num_output=width, stride=theirs.stride or (1,), pad=theirs.pad or (0,))
    return dataclasses.replace(mine, stride=mine.stride or (1,), pad=mine.pad or (0,)) == theirs


def test_resnet50_1by2_gives_a_disparity_of_the_size_of_its_image():
    words = ["image.input_param={shape: {dim: [1, 3, 32, 64]}}"]
    net = Net(load_net(net_file("resnet50_1by2"), overrides=words), "TRAIN")
    draw = np.random.default_rng(0)
    net.blobs["image"].data[...] = draw.uniform(0, 255, net.blobs["image"].shape)
    net.forward()
    assert net.blobs["disparity"].shape == (1, 1, 32, 64) and not net.blobs["disparity"].data.any()
    for name in ("coarse_score", "fuse4_skip_score", "fuse1_skip_score"):
        net.params[name][0].data[...] = 1e-2 * draw.normal(size=net.params[name][0].shape)
    net.forward()
    net.backward()
    assert net.blobs["disparity"].data.std() > 0 and net.params["conv0_conv"][0].diff.any()


def test_alexnet_is_bvlcs():
    net = load_net(net_file("alexnet"))
    widths = {layer.name: layer.parameters["convolution_param"].num_output for layer in net.layers if layer.type == "Convolution"}
    assert widths == {name: shape[0] for name, shape in ALEXNET.items() if name.startswith("conv")}
    last = {layer.name: layer for layer in net.layers}
    assert last["fc8"].parameters["inner_product_param"].num_output == 1000 and last["loss"].bottom == ("fc8", "label")


def test_the_geometry_network_learns_depth_and_motion():
    net = Net(net_file("geometry"), "TRAIN")
    draw = np.random.default_rng(0)
    net.params["depth"][0].data[...] = draw.uniform(1, 4, net.params["depth"][0].shape)
    for name in ("src", "tgt"):
        net.blobs[name].data[...] = draw.uniform(0, 255, net.blobs[name].shape)
    net.blobs["intrinsics"].data[...] = np.reshape([240, 240, 207.5, 63.5], (4, 1, 1))
    net.forward()
    net.backward()
    assert net.blobs["seen"].data.mean() > 0.9 and net.loss > 1
    net.params["twist"][0].data[...] = 0.01
    net.clear_param_diffs()
    net.forward()
    net.backward()
    assert net.params["twist"][0].diff.all() and (net.params["depth"][0].diff != 0).mean() > 0.9
