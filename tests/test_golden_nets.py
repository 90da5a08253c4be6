"""Published networks against recordings of real Caffe: ../shared/golden/nets (skipped where it is missing).

AlexNet, Depth-VO-Feat's odometry net and whole training graph, and Ravi Garg's ResNet50, all slimmed in width, run from their
prototxt and .caffemodel.h5: every recorded parameter, activation, statistic, loss and gradient is compared. The copies that
Caffe's Split layers make are compared with our one blob; their diffs are parts of a sum, which we do not keep.
Different on purpose: the diff of blob SE3, which the published Python layer changes while it runs backward (T has its gradient).
"""

import json

import numpy as np
import pytest

from golden import GOLDEN, split_owner
from pycaffe_geo.net import Net

NETS = GOLDEN / "nets"
NAMES = ("alexnet_slim", "dvf_odometry_slim", "dvf_train_slim", "ude_resnet50by2_slim")
SECTIONS = ("params_init", "blobs", "blob_diffs", "param_diffs", "bn_after_forward")
TOLERANCE = {"float64": 1e-6, "float32": 1e-3}
NOISE = 1e-9  # of its layer's diffs: a gradient that is 0 but for rounding, as that of a bias before BatchNorm


class Recorded:
    """One section of a recording: samples and sums of every array, and the small arrays in full."""

    def __init__(self, group):
        self.names, shapes = (json.loads(group[key][()]) for key in ("names", "shapes"))
        self.shapes = dict(zip(self.names, map(tuple, shapes)))
        self.samples = dict(zip(self.names, group["val"][()]))
        self.stats = dict(zip(self.names, group["stats"][()]))
        self.full = {name: group["full"][name][()] for name in self.names if name in group.get("full", ())}

    def size(self, name):
        """L2 norm of an array."""
        return self.stats[name][2]


def errors(recorded, name, array, size):
    """Yield the differences of our `array` from what was recorded, in L2 relative to the array's L2 norm `size`."""
    assert array.shape == recorded.shapes[name], name
    flat = array.astype("float64").ravel()
    if name in recorded.full:
        yield norm(flat - recorded.full[name].ravel()) / size
    index = np.linspace(0, flat.size - 1, 64).astype(int) if flat.size > 64 else np.arange(flat.size)
    samples = recorded.samples[name][:index.size]
    assert np.isfinite(samples).all(), name
    yield norm(flat[index] - samples) / size
    yield abs(norm(flat) - recorded.size(name)) / size
    total, extent, _, least, most = recorded.stats[name]
    yield max(abs(flat.sum() - total), abs(abs(flat).sum() - extent)) / (size * flat.size**0.5)
    yield max(abs(flat.min() - least), abs(flat.max() - most)) / size


def norm(x):
    return np.sqrt((x * x).sum())


def compare(what, recorded, arrays, tolerance, sizes=None):
    """Assert that our `arrays` {name: array} agree with all that were recorded, but for names that are not in `arrays`."""
    for name, array in arrays.items():
        size = (sizes or {}).get(name) or recorded.size(name) or 1.0
        worst = max(errors(recorded, name, array, size))
        assert worst <= tolerance, f"{what} {name}: off by {worst:.3g} in L2, allowed {tolerance}"


def params(net, recorded, field):
    """Return {name: our array} of the parameters "layer/index" of a section."""
    blobs = {name: net.params[name.rpartition("/")[0]][int(name.rpartition("/")[2])] for name in recorded.names}
    return {name: getattr(blob, field) for name, blob in blobs.items()}


def sizes_of_diffs(recorded):
    """Return {name: L2 norm to compare with}: its own, or its layer's where it is nothing but noise."""
    layer = {}
    for name in recorded.names:
        key = name.rpartition("/")[0]
        layer[key] = max(layer.get(key, 0), recorded.size(name))
    sizes = {name: (recorded.size(name), layer[name.rpartition("/")[0]]) for name in recorded.names}
    return {name: own if own > NOISE * whole else whole for name, (own, whole) in sizes.items()}


@pytest.mark.skipif(not NETS.exists(), reason=f"{NETS} is missing")
@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("name", NAMES)
def test_as_caffe(name, dtype):
    import h5py

    tolerance = TOLERANCE[dtype]
    with h5py.File(NETS / f"{name}.h5") as f:
        net = Net(str(NETS / f"{name}.prototxt"), f.attrs["phase"], dtype=dtype)
        report = net.copy_from(NETS / f"{name}.caffemodel.h5")
        assert not report.skipped and not report.initial
        sections = {key: Recorded(f[key]) for key in SECTIONS if key in f}
        compare("parameter", sections["params_init"], params(net, sections["params_init"], "data"), tolerance)
        net.forward(**{blob: f["inputs"][blob][()] for blob in f["inputs"]})
        for blob, diff in f["top_diffs"].items():
            net.blobs[blob].diff[...] = diff[()]
        net.backward()
        loss = f.attrs["loss"]
    assert net.loss == pytest.approx(loss, rel=tolerance)
    data, diffs = sections["blobs"], sections["blob_diffs"]
    assert {split_owner(blob, net.blobs) for blob in data.names} == set(net.blobs)
    compare("blob", data, {blob: net.blobs[split_owner(blob, net.blobs)].data for blob in data.names}, tolerance)
    compare("diff of", diffs, {b: net.blobs[b].diff for b in diffs.names if b in net.blobs and b != "SE3"}, tolerance)
    if "bn_after_forward" in sections:
        moved = sections["bn_after_forward"]
        compare("after forward", moved, params(net, moved, "data"), tolerance)
    gradients = sections["param_diffs"]
    compare("gradient of", gradients, params(net, gradients, "diff"), tolerance, sizes_of_diffs(gradients))
