"""Depth from stereo pairs after Garg et al.: sizes, the recorded network, gradients, and a curve of its loss beside PyTorch's."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from golden import GOLDEN
from pycaffe_geo import Net, get_solver
from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.layer import layer_class
from pycaffe_geo.spec import SolverDef, load_net
from slopes import slope_errors

PROTOTXT = Path(__file__).resolve().parents[2] / "prototxt"
RECORDED = GOLDEN / "nets" / "ude_resnet50by2_slim.h5"


def stereo_net(name, folder, height, width, changes=(), words=()):
    """Return the NetDef of prototxt/<name>.yaml with its text changed, on two pairs of smooth pictures, always in the
    same batch."""
    draw = np.random.default_rng(0)
    waves = draw.uniform(0.1, 0.5, (2, 3, 2, 1, 1)), draw.uniform(0, 6, (2, 3, 2, 1, 1))
    x, y = np.meshgrid(np.arange(width + 4), np.arange(height))
    near = 128 + 50 * np.sin(waves[0] * np.stack([x, y]) + waves[1]).sum(axis=2).transpose(0, 2, 3, 1)
    write_pairs(folder / "pairs.h5", color=near[:, :, :-4], right=near[:, :, 4:], intrinsics=np.tile([30, 30, 31, 15], (2, 1)),
                baseline=np.full(2, 0.2))
    text = (PROTOTXT / f"{name}.yaml").read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    words = [f"{layer}_pairs.frame_data_param.{key}" for layer in ("train", "test")
             for key in (f"source={folder / 'pairs.h5'}", "world={}", "batch_size=2", "mirror=false", "shuffle=false",
                         "random_scale=1", "color_jitter=0")] + list(words)
    return load_net(str(PROTOTXT / "changed.yaml"), text, overrides=words)


def test_sizes_are_the_published_ones(tmp_path):
    net = Net(stereo_net("ravi_garg_stereo", tmp_path, 160, 608), "TRAIN")
    shapes = {"conv1": (128, 80, 304), "stage0": (128, 40, 152), "stage1": (256, 20, 76), "stage2": (512, 10, 38),
              "stage3": (1024, 5, 19), "disparity": (1, 160, 608), "warped": (3, 160, 608)}
    assert {name: net.blobs[name].shape[1:] for name in shapes} == shapes
    # their prototxt's layers, added up (they tell "< 25 MB"); BatchNorm's statistics are not among them
    assert sum(blob.count for blob, lr in zip(net.learnable, net.lr_mults) if lr) == 6_003_141


@pytest.mark.skipif(not RECORDED.exists(), reason=f"{RECORDED} is missing")
def test_at_the_recorded_width_the_depth_part_is_the_published_network(tmp_path):
    """The same layers in the same order of parameters; with their weights and image the same disparity."""
    import h5py

    theirs = Net(str(RECORDED.with_suffix(".prototxt")), "TEST", dtype="float64")
    theirs.copy_from(RECORDED.with_suffix(".caffemodel.h5"))
    definition = stereo_net("ravi_garg_stereo", tmp_path, 64, 128, [("top: disparity}", "top: disparity, width: 8}")])
    ours = Net(definition, "TEST", dtype="float64")
    numbers = range(ours.layer_index("conv0_conv"), ours.layer_index("disparity_twice") + 1)
    part = [ours.layers[i] for i in numbers]
    his_part = [layer for layer in theirs.layers if layer.type != "Input"]
    assert Counter(layer_class(layer.type) for layer in part) == Counter(layer_class(layer.type) for layer in his_part)
    tops = [Counter(blob.shape[1:] for i in which for blob in net.tops[i])
            for net, which in ((ours, numbers), (theirs, [theirs.layers.index(layer) for layer in his_part]))]
    assert tops[0] == tops[1]
    for mine, his in zip(*([layer for layer in layers if layer.blobs] for layers in (part, his_part))):
        assert mine.type == his.type and [b.shape for b in mine.blobs] == [b.shape for b in his.blobs], (mine.name, his.name)
        for blob, other in zip(mine.blobs, his.blobs):
            blob.data[...] = other.data
    with h5py.File(RECORDED) as f:
        image = f["inputs"]["imL"][()]
    theirs.forward(imL=image)
    ours.blobs["left"].data[...] = image
    for i in numbers:
        ours.forward_layer(i)
    np.testing.assert_allclose(ours.blobs["disparity"].data[:1], theirs.blobs["h_flow"].data, rtol=1e-9)


NARROW = [('top: disparity}', 'top: disparity, width: 2}'), ("224 * 64", "64 * 32")]
SCORES = [f"{name}_score.convolution_param.weight_filler={{type: gaussian, std: 0.3}}"
          for name in ("coarse", *(f"fuse{i}_skip" for i in range(1, 5)))]  # not 0, so that everything below them moves


def test_gradients_of_the_small_twin(tmp_path):
    net = Net(stereo_net("ravi_garg_stereo_small", tmp_path, 32, 64, NARROW, SCORES), "TRAIN", dtype="float64")
    errors = slope_errors(net, seed=1)  # with 0 the direction of conv0 has a kink within any step
    assert len(errors) > 100 and max(errors.values()) < 1e-6, {k: v for k, v in errors.items() if v >= 1e-6}


@pytest.mark.slow
def test_the_loss_of_50_iterations_is_pytorchs(tmp_path):
    """The small twin, narrower, from the same weights on the same pairs: Adam with decay in Caffe's form, float64."""
    torch = pytest.importorskip("torch")
    definition = stereo_net("ravi_garg_stereo_small", tmp_path, 32, 64, NARROW)
    recipe = dict(type="Adam", base_lr=1e-5, momentum=0.9, momentum2=0.999, delta=1e-4, weight_decay=1e-4)
    solver = get_solver(SolverDef(net=definition, random_seed=3, **recipe), dtype="float64", keep=["left", "right"])
    net = solver.net
    weights = {name: torch.tensor(blob.data.copy(), requires_grad=True) for name, blob in zip(net.param_names, net.learnable)}
    rates = {name: (lr, decay) for name, lr, decay in zip(net.param_names, net.lr_mults, net.decay_mults) if lr}
    moments = {name: (torch.zeros_like(weights[name]), torch.zeros_like(weights[name])) for name in rates}
    rewrite, losses, ours = Rewrite(torch, weights), [], []
    for t in range(1, 51):
        solver.step(1)
        ours.append(net.loss)
        loss = rewrite.loss(*(torch.tensor(net.blobs[name].data.copy()) for name in ("left", "right")))
        losses.append(loss.item())
        loss.backward()
        with torch.no_grad():
            for name, (lr, decay) in rates.items():
                w, (m, v) = weights[name], moments[name]
                g = w.grad + 1e-4 * decay * w
                m += 0.1 * (g - m)
                v += 0.001 * (g ** 2 - v)
                w -= 1e-5 * lr * math.sqrt(1 - 0.999 ** t) / (1 - 0.9 ** t) * m / (v.sqrt() + 1e-4)
                w.grad = None
    assert losses[-1] < 0.95 * losses[0]
    np.testing.assert_allclose(ours, losses, rtol=1e-6)


class Rewrite:
    """The small twin's training graph in PyTorch; weights: {"layer[i]": tensor}."""

    def __init__(self, torch, weights):
        self.torch, self.weights = torch, weights

    def conv(self, x, name):
        w = self.weights[f"{name}[0]"]
        return self.torch.nn.functional.conv2d(x, w, self.weights[f"{name}[1]"], padding=w.shape[2] // 2)

    def conv_bn(self, x, name):
        x = self.conv(x, f"{name}_conv")
        x = x - x.mean((0, 2, 3), keepdim=True)
        x = x / self.torch.sqrt((x * x).mean((0, 2, 3), keepdim=True) + 1e-5)
        return x * self.weights[f"{name}_scale[0]"].view(1, -1, 1, 1) + self.weights[f"{name}_scale[1]"].view(1, -1, 1, 1)

    def stage(self, x, name, blocks):
        for i in range(blocks):
            block = f"{name}_first" if i == 0 else f"{name}_{i - 1}"
            branch = self.conv_bn(x, f"{block}_branch_a").relu()
            branch = self.conv_bn(self.conv_bn(branch, f"{block}_branch_b").relu(), f"{block}_branch_c")
            x = ((self.conv_bn(x, f"{block}_shortcut") if i == 0 else x) + branch).relu()
        return x

    def double(self, x):
        return 2 * self.torch.nn.functional.interpolate(x, scale_factor=2, mode="bilinear")

    def disparity(self, image):
        def half(x):
            return self.torch.nn.functional.max_pool2d(x, 2)

        conv1 = self.conv_bn(half(self.conv_bn(image, "conv0").relu()), "conv1").relu()
        skips = [conv1]
        for i, blocks in enumerate((3, 4, 6, 3)):
            skips.append(self.stage(half(skips[-1]), f"stage{i}", blocks))
        coarse = self.conv(skips[4], "coarse_score")
        for i in (4, 3, 2, 1):
            coarse = self.double(coarse) + self.conv(skips[i - 1], f"fuse{i}_skip_score")
        return self.double(coarse) + self.weights["disparity[0]"].view(1, 1, -1, 1)

    def loss(self, left, right):
        torch, disparity = self.torch, self.disparity(left)
        tgt, src = 0.004 * left, 0.004 * right
        width = tgt.shape[3]
        x = torch.arange(width) - disparity
        cell = torch.floor(x.detach())

        def column(i):
            inside = ((i >= 0) & (i < width)).to(x.dtype)
            return inside * src.gather(3, i.clamp(0, width - 1).long().expand_as(src))

        warped = column(cell) * (cell + 1 - x) + column(cell + 1) * (x - cell)
        loss = (warped - tgt).abs().sum() / len(tgt)
        for axis in (2, 3):
            flat = torch.exp(-0.99 * tgt.diff(dim=axis).abs().mean(1, keepdim=True))
            loss = loss + 0.05 * tgt[0, 0].numel() * (flat * disparity.diff(dim=axis).abs()).mean()
        return loss
