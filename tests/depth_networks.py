"""What the tests of the depth networks share: tiny files of frames, and the networks on them."""

from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.pairs import write_pairs
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

ROOT = Path(__file__).resolve().parents[1]


def write_frames(path, height, width, count=2):
    """Write `count` random frames with depth, 5 % of it missing, to a file for FrameData."""
    draw = np.random.default_rng(0)
    depth = draw.uniform(1, 4, (count, height, width)) * (draw.random((count, height, width)) > 0.05)
    color = draw.integers(0, 256, (count, height, width, 3))
    write_pairs(path, color=color, depth=depth, intrinsics=np.tile([width, width, width / 2, height / 2], (count, 1)))
    return path


def fixed_batches(frames):
    """Return the overrides that make a depth network read `frames`, unchanged and two at a time."""
    plain = ("batch_size=2", "mirror=false", "color_jitter=0", "shuffle=false")
    words = [f"{layer}_frames.frame_data_param.source={frames}" for layer in ("train", "test")]
    return words + [f"train_frames.frame_data_param.{text}" for text in plain]


def depth_net(name, frames, *words):
    """Return the NetDef of prototxt/<name>.yaml that reads `frames`."""
    return load_net(str(ROOT / "prototxt" / f"{name}.yaml"), overrides=[*fixed_batches(frames), *words])


def weight_shapes(net, type_name):
    """Return [(layer, shape of its weights)] of the layers of a type, in order."""
    return [(layer.name, net.params[layer.name][0].shape) for layer in net.layers if layer.type == type_name]


def learnable_count(net):
    """Return how many numbers a net learns."""
    return sum(blob.count for blob, lr in zip(net.learnable, net.lr_mults) if lr)


def published(name, folder, height, width, *words, **state):
    """Return the train Net of prototxt/<name>.yaml on two frames of its published size."""
    return Net(depth_net(name, write_frames(folder / "frames.h5", height, width), *words), "TRAIN", **state)
