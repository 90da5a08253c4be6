"""SfMLearner: the published sizes, gradients of the small net under each option, and training beside a PyTorch rewrite."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from pycaffe_geo.commands._warps import warp_rows
from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.datasets.rooms import World
from pycaffe_geo.datasets.rooms_sequences import render_runs
from pycaffe_geo.gradient_check_net import check_net
from pycaffe_geo.net import Net
from pycaffe_geo.plots.panels import to_rgb
from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.monitor import Monitor
from pycaffe_geo.spec import SolverDef, load_net

PROTOTXT = Path(__file__).resolve().parents[2] / "prototxt"
BATCH, STEPS = 2, 50

# outputs, inputs, kernel of the published convolutions; of up-convolutions inputs, outputs, kernel. Two sources.
DISPNET = {
    "cnv1_a_conv": (32, 3, 7), "cnv1_b_conv": (32, 32, 7), "cnv2_a_conv": (64, 32, 5), "cnv2_b_conv": (64, 64, 5),
    "cnv3_a_conv": (128, 64, 3), "cnv3_b_conv": (128, 128, 3), "cnv4_a_conv": (256, 128, 3), "cnv4_b_conv": (256, 256, 3),
    "cnv5_a_conv": (512, 256, 3), "cnv5_b_conv": (512, 512, 3), "cnv6_a_conv": (512, 512, 3), "cnv6_b_conv": (512, 512, 3),
    "cnv7_a_conv": (512, 512, 3), "cnv7_b_conv": (512, 512, 3),
    "dec7_up_deconv": (512, 512, 3), "dec7_i_conv": (512, 1024, 3), "dec6_up_deconv": (512, 512, 3),
    "dec6_i_conv": (512, 1024, 3), "dec5_up_deconv": (512, 256, 3), "dec5_i_conv": (256, 512, 3),
    "dec4_up_deconv": (256, 128, 3), "dec4_i_conv": (128, 256, 3), "disp4_conv": (1, 128, 3),
    "dec3_up_deconv": (128, 64, 3), "dec3_i_conv": (64, 129, 3), "disp3_conv": (1, 64, 3),
    "dec2_up_deconv": (64, 32, 3), "dec2_i_conv": (32, 65, 3), "disp2_conv": (1, 32, 3),
    "dec1_up_deconv": (32, 16, 3), "dec1_conv": (16, 17, 3), "disp1_conv": (1, 16, 3),
}
POSE_NET = {
    "pose_cnv1_conv": (16, 9, 7), "pose_cnv2_conv": (32, 16, 5), "pose_cnv3_conv": (64, 32, 3), "pose_cnv4_conv": (128, 64, 3),
    "pose_cnv5_conv": (256, 128, 3), "pose_cnv6_conv": (256, 256, 3), "pose_cnv7_conv": (256, 256, 3), "pose_pred": (12, 256, 1),
}
MASK = {
    "mask_up5_deconv": (256, 256, 3), "mask_up4_deconv": (256, 128, 3), "mask_up3_deconv": (128, 64, 3),
    "mask_up2_deconv": (64, 32, 5), "mask_up1_deconv": (32, 16, 7), "mask_mask4_conv": (4, 128, 3), "mask_mask3_conv": (4, 64, 3),
    "mask_mask2_conv": (4, 32, 5), "mask_mask1_conv": (4, 16, 7),
}


def test_the_published_network():
    """DispNet has 31 596 900 parameters, the pose network and its mask decoder what the layers of the table add up to."""
    world = ("source=rooms_sequences_train", "world={width: 416, height: 128}", "batch_size=1")
    words = [f"train_frames.frame_data_param.{word}" for word in world]
    net = Net(load_net(str(PROTOTXT / "sfmlearner.yaml"), overrides=words), "TRAIN")
    shapes = {name: blobs[0].shape for name, blobs in net.params.items()}
    published = {**DISPNET, **POSE_NET, **MASK}
    assert shapes == {name: (*wide, k, k) for name, (*wide, k) in published.items()}
    counts = {name: sum(blob.count for blob in blobs) for name, blobs in net.params.items()}
    assert sum(counts[name] for name in DISPNET) == 31_596_900
    assert sum(counts[name] for name in POSE_NET) == 1_590_668
    assert sum(counts[name] for name in MASK) == 1_048_512
    for scale in range(4):
        height, width = 128 >> scale, 416 >> scale
        assert net.blobs[f"disp{scale + 1}"].shape == (1, 1, height, width)
        assert net.blobs[f"mask{scale + 1}"].shape == (2, 1, height, width)
        assert net.blobs[f"view{scale + 1}_warped"].shape == (2, 3, height, width)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    path = tmp_path_factory.mktemp("runs") / "runs.h5"
    world = World(width=24, height=16, fx=20, rotation_deg=3, translation_m=0.15, samples=1)
    write_pairs(path, **render_runs(world, "train", 2, 6))
    return path


def tiny(path, **options):
    """Return the small network, narrow, on the file `path` in its order, with other options: {parameter: YAML}."""
    options = {"width": 2, "pose_width": 2, "smooth": 0.02, **options}
    frames = {"train": path, "batch": BATCH, "scale": 1}
    lines = [
        "name: tiny",
        "include: [modules/sfmlearner.yaml]",
        "layers:",
        f"- {{name: frames, module: {options.pop('snippets', 'snippets_of_3')}, prefix: '', {listed(frames)},",
        "   top: [tgt, sources, intrinsics, true_depth, poses]}",
        f"- {{name: net, module: sfmlearner, prefix: '', {listed(options)},",
        "   bottom: [tgt, sources, intrinsics], top: [depth, T]}",
    ]
    words = ["train_frames.frame_data_param.shuffle=false", "train_frames.frame_data_param.prefetch=false"]
    return load_net(str(PROTOTXT / "tiny.yaml"), "\n".join(lines), overrides=words)


def listed(values):
    return ", ".join(f"{key}: {value}" for key, value in values.items())


INNERMOST = ("cnv5", "cnv6", "cnv7", "dec7", "dec6", "pose_cnv5", "pose_cnv6", "pose_cnv7", "mask_up5")


def moving(definition):
    """Return the float64 net with heads that already tell different depths and motions, so that no pixel lands on another.

    The innermost maps have one pixel, so that one tap of nine counts: without larger weights nothing would come through.
    """
    net = Net(definition, "TRAIN", dtype="float64", seed=3)
    draw = np.random.default_rng(0)
    for name, (weights, _) in net.params.items():
        if name == "pose_pred" or name.startswith("disp"):
            weights.data[...] = draw.normal(scale=0.5, size=weights.shape)
        elif name.startswith(INNERMOST):
            weights.data[...] *= 6
    return net


OPTIONS = [
    pytest.param({}, id="as published"),
    pytest.param({"motion": "se3_motion", "padding": "border", "mask": "no_mask", "weigh": "[error, seen]"},
                 id="twists, border, no mask"),
    pytest.param({"objective": "auto_mask", "mask": "no_mask"}, id="least error of what moves", marks=pytest.mark.slow),
    pytest.param({"snippets": "snippets_of_5", "sources": 4, "each": "[a, b, c, d]", "objective": "min_reprojection"},
                 id="snippets of 5", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("options", OPTIONS)
def test_gradients(runs, options, monkeypatch):
    """Each parameter blob at one element and along one direction."""
    monkeypatch.setattr("pycaffe_geo.gradient_probe._SMALL", 0)
    net = moving(tiny(runs, **options))
    net.forward()
    report = check_net(net, probes=1)
    assert report.ok, report
    assert len(report.blobs) == 2 * (len(DISPNET) + len(POSE_NET) + len(MASK) * ("mask" not in options))


def test_the_mix_with_ssim(runs):
    """`alpha` reaches every view: PhotometricError has its own tests."""
    net = Net(tiny(runs, alpha=0.85, objective="auto_mask"), "TRAIN")
    layers = [layer for layer in net.layers if layer.type == "PhotometricError"]
    assert len(layers) == 8 and {layer.photometric_error_param.alpha for layer in layers} == {0.85}
    net.forward()
    net.backward()
    assert net.loss > 0 and all(np.isfinite(blob.diff).all() for blob in net.learnable)


def test_pictures_of_its_warps(runs):
    """The first view's: its target and depth stand beside the warped image, not blobs that happen to be called so."""
    net = Net(tiny(runs), "TRAIN")
    net.forward()
    titles, rows = warp_rows(net, 2)
    assert titles == ["src", "tgt", "warped", "error", "depth of tgt, m"] and len(rows) == 2
    for row, sample in zip(rows, (0, 1)):  # N S = 4 pairs, of which 0 and 2 are drawn: the first source of each sample
        np.testing.assert_array_equal(row[1], to_rgb(net.blobs["tgt"].data[sample]))
        np.testing.assert_array_equal(row[4], net.blobs["depth"].data[sample, 0])


def adam(weights, gradients, moments, step, rate=2e-4, beta1=0.9, beta2=0.999, delta=1e-8):
    """Caffe's update, in place: `moments` {name: [m, v]}, `step` counted from 1."""
    correction = np.sqrt(1 - beta2**step) / (1 - beta1**step)
    for weight, gradient, (m, v) in zip(weights, gradients, moments):
        m += (1 - beta1) * (gradient - m)
        v += (1 - beta2) * (gradient**2 - v)
        weight -= rate * correction * m / (v**0.5 + delta)


class Rewrite:
    """The small network in PyTorch, from images to the loss; `weights` {layer: [tensor, tensor]}."""

    def __init__(self, torch, weights):
        self.torch, self.F, self.weights = torch, torch.nn.functional, weights

    def conv(self, x, name, stride=1):
        weight, bias = self.weights[name]
        return self.F.conv2d(x, weight, bias, stride, weight.shape[-1] // 2)

    def relu(self, x, name, stride=1):
        return self.conv(x, name + "_conv", stride).relu()

    def up(self, x, name, like):
        weight, bias = self.weights[name + "_deconv"]
        wide = self.F.conv_transpose2d(x, weight, bias, 2, weight.shape[-1] // 2 - 1)
        return wide.relu()[:, :, :like.shape[2], :like.shape[3]]

    def finer(self, disparity, like):
        return self.F.interpolate(disparity, like.shape[2:], mode="bilinear", align_corners=False)

    def disparity(self, x, name):
        return 10 * self.conv(x, name + "_conv").sigmoid() + 0.01

    def disparities(self, image):
        """Return those of the four scales, the finest first."""
        seen, x = [image], image * 0.00784314 - 1
        for i in range(1, 8):
            x = self.relu(self.relu(x, f"cnv{i}_a", 2), f"cnv{i}_b")
            seen.append(x)
        found = []
        for i in range(7, 0, -1):
            skip = seen[i - 1]
            parts = [self.up(x, f"dec{i}_up", skip)]
            parts += [skip] if i > 1 else []
            parts += [self.finer(found[0], skip)] if found else []
            x = self.relu(self.torch.cat(parts, 1), f"dec{i}_i" if i > 1 else "dec1")
            if i <= 4:
                found.insert(0, self.disparity(x, f"disp{i}"))
        return found

    def motion(self, frames):
        """Return transforms (N, 2, 4, 4) and the mask's logits of four scales (N, 2, 2, H, W), the finest first."""
        torch, maps = self.torch, [frames]
        x = frames * 0.00784314 - 1
        for i in range(1, 8):
            x = self.relu(x, f"pose_cnv{i}", 2)
            maps.append(x)
        numbers = 0.01 * self.conv(x, "pose_pred").mean((2, 3)).reshape(-1, 6)
        logits, x = [], maps[5]
        for i in range(5, 0, -1):
            x = self.up(x, f"mask_up{i}", maps[i - 1])
            if i <= 4:
                logits.insert(0, self.conv(x, f"mask_mask{i}_conv").unflatten(1, (2, 2)))
        t, (a, b, c) = numbers[:, :3], numbers[:, 3:].T
        zero, one = torch.zeros_like(a), torch.ones_like(a)

        def matrix(*entries):
            return torch.stack(entries, -1).reshape(-1, 3, 3)

        turn = matrix(one, zero, zero, zero, a.cos(), -a.sin(), zero, a.sin(), a.cos())
        turn = turn @ matrix(b.cos(), zero, b.sin(), zero, one, zero, -b.sin(), zero, b.cos())
        turn = turn @ matrix(c.cos(), -c.sin(), zero, c.sin(), c.cos(), zero, zero, zero, one)
        return turn.unflatten(0, (-1, 2)), t.unflatten(0, (-1, 2)), logits

    def warp(self, source, depth, turn, t, intrinsics):
        """Return `source` as the target's pixels, of this depth, would see it."""
        torch, (height, width) = self.torch, source.shape[2:]
        v, u = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
        fx, fy, cx, cy = intrinsics
        rays = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u, dtype=depth.dtype)]).flatten(1)
        x, y, z = (turn @ (rays * depth.flatten(2)) + t[:, :, None]).unbind(1)
        behind = z <= 1e-3
        z = torch.where(behind, 1.0, z)
        place = torch.stack([2 * (fx * x / z + cx) / (width - 1) - 1, 2 * (fy * y / z + cy) / (height - 1) - 1], -1)
        place = torch.where(behind[..., None], -9.0, place).unflatten(1, (height, width))
        return self.F.grid_sample(source, place, "bilinear", "zeros", align_corners=True)

    def loss(self, prev, tgt, next_, intrinsics, smooth, explain):
        torch, F = self.torch, self.F
        turns, ts, logits = self.motion(torch.cat([tgt, prev, next_], 1))
        total = 0
        for s, disparity in enumerate(self.disparities(tgt)):
            small_tgt = F.interpolate(tgt, scale_factor=0.5**s, mode="area")
            fx, fy, cx, cy = intrinsics
            scaled = fx / 2**s, fy / 2**s, (cx + 0.5) / 2**s - 0.5, (cy + 0.5) / 2**s - 0.5
            for k, source in enumerate((prev, next_)):
                small = F.interpolate(source, scale_factor=0.5**s, mode="area")
                warped = self.warp(small, 1 / disparity, turns[:, k], ts[:, k], scaled)
                error = 2 / 255 * (warped - small_tgt).abs()
                total += (error * logits[s][:, k].softmax(1)[:, 1:]).mean()
                total -= explain * logits[s][:, k].log_softmax(1)[:, 1].mean()
            dx, dy = disparity.diff(dim=3), disparity.diff(dim=2)
            bends = (dx.diff(dim=3), dx.diff(dim=2), dy.diff(dim=3), dy.diff(dim=2))
            total += smooth / 2**s * sum(bend.abs().mean() for bend in bends if bend.numel())
        return total


def test_fifty_steps_as_in_pytorch(runs):
    """The same batches, weights and Caffe's Adam: every loss to 1e-6 of it, and the weights at the end."""
    torch = pytest.importorskip("torch")
    definition = tiny(runs, smooth=0.02)
    solver = get_solver(SolverDef(net=definition, type="Adam", base_lr=2e-4, momentum=0.9, momentum2=0.999, delta=1e-8,
                                  lr_policy="fixed", max_iter=STEPS, random_seed=3, snapshot_prefix="unused"), dtype="float64")
    for ours, theirs in zip(solver.net.learnable, moving(definition).learnable):
        ours.data[...] = theirs.data
    weights = {name: [torch.tensor(blob.data, requires_grad=True) for blob in blobs] for name, blobs in solver.net.params.items()}
    leaves = [tensor for pair in weights.values() for tensor in pair]
    moments = [[torch.zeros_like(leaf), torch.zeros_like(leaf)] for leaf in leaves]
    with h5py.File(runs) as f:
        color = torch.tensor(f["color"][()][..., ::-1].transpose(0, 3, 1, 2).astype(float))
        intrinsics = f["intrinsics"][0]
    centres = np.resize([1, 2, 3, 4, 7, 8, 9, 10], (STEPS, BATCH))  # two runs of six frames

    rewrite, losses = Rewrite(torch, weights), []
    for step in range(STEPS):
        at = centres[step]
        loss = rewrite.loss(color[at - 1], color[at], color[at + 1], intrinsics, smooth=0.02, explain=0.2)
        gradients = torch.autograd.grad(loss, leaves)
        with torch.no_grad():
            adam(leaves, gradients, moments, step + 1)
        losses.append(loss.item())
    ours = []
    for _ in range(STEPS):
        solver.step(1)
        ours.append(solver.loss)
    np.testing.assert_allclose(ours, losses, rtol=1e-6)
    assert losses[-1] < losses[0]
    for blob, leaf in zip(solver.net.learnable, leaves):
        np.testing.assert_allclose(blob.data, leaf.detach().numpy(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("explain", [0, 0.2])
def test_the_mask_collapses_without_its_regularisation_and_the_run_says_so(runs, explain, caplog):
    fields = dict(type="Adam", base_lr=0.1, momentum=0.9, lr_policy="fixed", max_iter=81, display=20, random_seed=3)
    solver = get_solver(SolverDef(net=tiny(runs, explain=explain), **fields, snapshot_prefix="unused",
                                  freeze=("cnv*", "dec*", "disp*", "pose*", "mask_up*")), callbacks=[Monitor()])
    solver.step(81)
    said = [text for text in caplog.messages if "predicted mask" in text]
    names = [f"mask{scale}" for scale in range(1, 5)]
    assert [name for name in names if any(f"'{name}' has collapsed: 100.0% of it is below" in s for s in said)] == (
        [] if explain else names)
