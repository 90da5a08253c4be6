"""The U-Net kind of depth network: its sizes, its gradients, its other losses, and a curve of its loss against PyTorch's."""

import math

import numpy as np
import pytest

from depth_networks import ROOT, depth_net, fixed_batches, learnable_count, published, weight_shapes, write_frames
from pycaffe_geo.gradient_check_net import check_net
from pycaffe_geo.net import Net
from pycaffe_geo.solvers.solver import get_solver
from pycaffe_geo.spec import SolverDef, load_net

# Ronneberger, Fischer and Brox 2015, figure 1: channels of the blocks of two 3 x 3 convolutions, down and up
DOWN, UP = (64, 128, 256, 512, 1024), (512, 256, 128, 64)


def test_the_network_is_u_net_at_its_widths(tmp_path):
    net = published("depth_unet_eigen", tmp_path, 240, 320)
    expected, before = [], 3
    for n in DOWN:
        expected += [(n, before, 3, 3), (n, n, 3, 3)]
        before = n
    for n in UP:
        expected += [(n, 2 * n, 3, 3), (n, n, 3, 3)]
    assert [shape for _, shape in weight_shapes(net, "Convolution")] == [*expected, (1, 64, 1, 1)]
    assert [shape for _, shape in weight_shapes(net, "Deconvolution")] == [(2 * n, n, 2, 2) for n in UP]
    # 31,030,593 with one channel in and one out, as U-Net is counted everywhere; two more channels in add 2 * 64 * 9
    assert learnable_count(net) == 31_030_593 + 2 * 64 * 9
    sizes = [net.blobs[name].shape[1:] for name in ("down0", "down1", "down2", "down3", "down4", "up3", "up0", "depth")]
    assert sizes == [(64, 240, 320), (128, 120, 160), (256, 60, 80), (512, 30, 40), (1024, 15, 20), (512, 30, 40), (64, 240, 320),
                     (1, 240, 320)]


def slim(loss="eigen", *overrides):
    """Return the NetDef of the small twin at an eighth of its widths, with one line changed for another loss."""
    text = (ROOT / "prototxt" / "depth_unet_eigen_small.yaml").read_text(encoding="utf-8")
    for n in (16, 32, 64, 128):
        text = text.replace(f"n: {n},", f"n: {n // 8},")
    assert text.count("module: eigen_depth_loss") == 1
    text = text.replace("module: eigen_depth_loss", f"module: {loss}_depth_loss")
    return load_net(str(ROOT / "prototxt" / "slim.yaml"), text, overrides=overrides)


@pytest.mark.parametrize("loss", ["eigen", "l2", "l2_smooth"])
def test_one_line_changes_the_loss_and_the_gradients_of_the_whole_are_right(loss):
    draw = np.random.default_rng(1)
    inputs = {"image": draw.uniform(0, 255, (2, 3, 16, 24)), "truth": draw.uniform(1, 4, (2, 1, 16, 24))}
    inputs["truth"][0, 0, 3:5] = 0
    net = slim(loss, "log_depth.convolution_param.weight_filler.std=1")  # else gradients are too small at first to measure well
    report = check_net(net, inputs=inputs, probes=8)
    assert report.ok, report
    types = [layer.type for layer in net.layers]
    assert ("EigenLoss" in types, "EuclideanLoss" in types, "SmoothnessLoss" in types) == {
        "eigen": (True, False, False), "l2": (False, True, False), "l2_smooth": (False, True, True)}[loss]


def test_the_loss_of_50_iterations_is_pytorchs(tmp_path):
    """The same weights, two fixed images, Adam in Caffe's form, float64."""
    torch = pytest.importorskip("torch")
    definition = slim("eigen", *fixed_batches(write_frames(tmp_path / "frames.h5", 16, 24)))
    recipe = SolverDef(net=definition, type="Adam", base_lr=1e-3, momentum=0.9, momentum2=0.999, delta=1e-8, random_seed=3)
    solver = get_solver(recipe, dtype="float64")
    weights = {name: [torch.tensor(blob.data.copy(), requires_grad=True) for blob in blobs]
               for name, blobs in solver.net.params.items()}
    moments = [(w, torch.zeros_like(w), torch.zeros_like(w)) for blobs in weights.values() for w in blobs]
    losses = []
    for iteration in range(50):
        solver.step(1)
        image, truth = (torch.tensor(solver.net.blobs[name].data.copy()) for name in ("image", "truth"))
        loss = eigen(torch, unet(torch, image, weights), truth, 0.5)
        loss.backward()
        with torch.no_grad():
            rate = 1e-3 * math.sqrt(1 - 0.999 ** (iteration + 1)) / (1 - 0.9 ** (iteration + 1))
            for w, m, v in moments:
                m += 0.1 * (w.grad - m)
                v += 0.001 * (w.grad ** 2 - v)
                w -= rate * m / (v.sqrt() + 1e-8)
                w.grad = None
        losses.append(loss.item())
        assert solver.net.loss == pytest.approx(loss.item(), rel=1e-6), iteration
    assert losses[-1] < 0.9 * losses[0]


def unet(torch, image, weights):
    """Return log-depth, by PyTorch; `weights` by the names of our layers."""
    f = torch.nn.functional

    def convs(x, name):
        for part in "ab":
            x = f.relu(f.conv2d(x, *weights[f"{name}_{part}_conv"], padding=1))
        return x

    seen = [convs(0.0157 * image - 2, "down0")]
    for level in (1, 2, 3):
        seen.append(convs(f.max_pool2d(seen[-1], 2), f"down{level}"))
    x = seen.pop()
    for level in (2, 1, 0):
        x = f.conv_transpose2d(x, *weights[f"up{level}_up"], stride=2)
        x = convs(torch.cat([seen.pop(), x], dim=1), f"up{level}")
    return f.conv2d(x, *weights["log_depth"])


def eigen(torch, log_depth, truth, forgiven):
    """Return the mean over the images of the mean of d^2 less `forgiven` of (mean of d)^2, over the pixels with depth."""
    losses = []
    for mine, theirs in zip(log_depth, truth):
        d = mine[theirs > 0] - theirs[theirs > 0].log()
        losses.append((d ** 2).mean() - forgiven * d.mean() ** 2)
    return torch.stack(losses).mean()


def test_depth_comes_out_in_the_test_phase(tmp_path):
    net = Net(depth_net("depth_unet_eigen_small", write_frames(tmp_path / "frames.h5", 16, 24)), "TEST")
    net.forward()
    assert net.blobs["depth"].data.min() > 0 and {"abs_rel", "a3"} <= set(net.outputs)
    assert net.blobs["depth"].data == pytest.approx(np.exp(net.blobs["log_depth"].data))
