"""Supervised depth by ResNet50-1by2: its sizes, its upsampling and its gradients."""

import numpy as np

from depth_networks import ROOT, learnable_count, published, weight_shapes
from pycaffe_geo.gradient_check_net import check_net
from pycaffe_geo.spec import load_net

# ResNet50 (He et al. 2016) at half its widths: channels and blocks of each stage
STAGES = ((128, 3), (256, 4), (512, 6), (1024, 3))


def convolution(n, before, k):
    """Return the parameters of a convolution with bias, and of the scale and bias after its BatchNorm."""
    return n * before * k * k + n + 2 * n


def resnet_count():
    count, before = convolution(64, 3, 7) + convolution(128, 64, 3), 128
    for n, blocks in STAGES:
        for block in range(blocks):
            count += convolution(n // 4, before, 1) + convolution(n // 4, n // 4, 3) + convolution(n, n // 4, 1)
            count += convolution(n, before, 1) if block == 0 else 0
            before = n
    return count


def test_the_network_is_resnet50_at_half_its_widths_with_one_upsampling(tmp_path):
    net = published("depth_resnet50_1by2", tmp_path, 192, 256, seed=1)
    sizes = [net.blobs[name].shape[1:] for name in ("conv1", "stage0", "stage1", "stage2", "stage3", "score", "log_depth")]
    assert sizes == [(128, 96, 128), (128, 48, 64), (256, 24, 32), (512, 12, 16), (1024, 6, 8), (1, 6, 8), (1, 192, 256)]
    assert learnable_count(net) == resnet_count() + 1024 + 1 + 1  # the score's weights and bias, and the depth it starts from
    assert weight_shapes(net, "Deconvolution") == [("log_depth", (1, 1, 64, 64))]
    assert net.lr_mults[net.param_names.index("log_depth[0]")] == 0


def test_the_upsampling_is_bilinear(tmp_path):
    net = published("depth_resnet50_1by2_small", tmp_path, 96, 128)
    draw = np.random.default_rng(0)
    score = net.blobs["score"].data
    score[...] = draw.normal(size=score.shape)
    i = net.layer_names.index("log_depth")
    net.forward_layer(i)
    x, y = (np.arange(n) / 32 + 0.5 / 32 - 0.5 for n in (128, 96))  # positions among the scores; there are zeros around these
    padded = np.pad(score[0, 0].astype(float), 1)
    rows = np.array([np.interp(x + 1, np.arange(6), row) for row in padded])
    expected = np.array([np.interp(y + 1, np.arange(5), column) for column in rows.T]).T + 1  # e metres at first
    np.testing.assert_allclose(net.blobs["log_depth"].data[0, 0], expected, rtol=1e-5, atol=1e-5)


def test_the_gradients_of_the_whole_small_twin_are_right():
    """Of one layer of each kind of block; all others lie above the lowest of them."""
    text = (ROOT / "prototxt" / "depth_resnet50_1by2_small.yaml").read_text(encoding="utf-8").replace("width: 8", "width: 4")
    path = str(ROOT / "prototxt" / "slim.yaml")
    parts = ("conv0_conv", "stage0_first_shortcut_conv", "stage2_1_branch_c_conv", "score", "log_depth")
    fixed = [layer.name for layer in load_net(path, text).layers
             if layer.type in ("Convolution", "Scale") and layer.name not in parts]
    net = load_net(path, text, overrides=[f"{name}.param=[{{lr_mult: 0}}, {{lr_mult: 0}}]" for name in fixed])
    draw = np.random.default_rng(1)
    inputs = {"image": draw.uniform(0, 255, (2, 3, 64, 64)), "truth": draw.uniform(1, 4, (2, 1, 64, 64))}
    report = check_net(net, inputs=inputs, probes=5)
    assert report.ok and len(report.blobs) >= len(parts), report
