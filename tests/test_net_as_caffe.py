"""Net semantics against recordings of real Caffe: ../shared/golden/proto (skipped where it is missing)."""

import json
import re

import numpy as np
import pytest

from golden import GOLDEN, split_owner
from pycaffe_geo.errors import PycaffeGeoError
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

PROTO = GOLDEN / "proto"
CASES = sorted(path.stem for path in PROTO.glob("*.h5") if path.stem != "rules")
TOLERANCE = {"float64": 1e-9, "float32": 1e-4}
DIFFERENT = {
    "pool_stochastic": "Caffe has stochastic pooling on a GPU only; we have it not at all",
    "softmaxloss_two_tops_two_weights": "a slip of that version of Caffe: two tops could not be built with loss weights",
}


@pytest.mark.skipif(not CASES, reason=f"{PROTO} is missing")
def test_recordings_are_there():
    assert len(CASES) >= 16


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_forward_and_backward_as_caffe(name, dtype):
    import h5py

    with h5py.File(PROTO / f"{name}.h5") as f:
        net = Net(str(PROTO / f"{name}.prototxt"), f.attrs["phase"], dtype=dtype)
        for layer in f.get("params_init", {}):
            for i, blob in enumerate(net.params[layer]):
                if str(i) in f["params_init"][layer]:
                    blob.data[...] = f["params_init"][layer][str(i)][()].reshape(blob.shape)
        for blob in f["inputs"]:
            net.blobs[blob].data[...] = f["inputs"][blob]
        for blob in f["top_diffs"]:
            if blob in net.outputs:
                net.blobs[blob].diff[...] = f["top_diffs"][blob]
        net.forward()
        net.backward()
        assert net.loss + _counted_twice(net) == pytest.approx(f.attrs["loss"], rel=TOLERANCE[dtype])
        ours = dict(zip(net.layer_names, net.backward_layers))
        for layer, kind, needed in zip(*(json.loads(f.attrs[k]) for k in ("layer_names", "layer_types", "layer_need_backward"))):
            assert kind == "Split" or ours[layer] == needed, layer
        compare(f, net)


def _counted_twice(net):
    """Caffe adds the loss of a loss top that other layers read once too often, with weight 1 (its gradient is right)."""
    read = {b.name for bottom in net.bottoms for b in bottom}
    return sum(float(net.blobs[name].data) for name in net.loss_terms() if name in read)


def assert_close(what, ours, recorded):
    """float64: every element within 1e-9; float32: within 1e-4 in L2."""
    recorded = recorded[()].reshape(ours.shape)
    if ours.dtype == np.float64:
        np.testing.assert_allclose(ours, recorded, rtol=1e-9, atol=1e-12, err_msg=what)
    else:
        assert np.linalg.norm(ours - recorded) <= TOLERANCE["float32"] * np.linalg.norm(recorded) + 1e-12, what


def compare(f, net):
    """Blobs without need of a gradient are left out: Caffe's Scale uses the diff of one as scratch."""
    flags = zip(json.loads(f.attrs["bottoms"]), json.loads(f.attrs["bottom_need_backward"]))
    wanted = {name for names, needs in flags for name, need in zip(names, needs) if need} | set(net.outputs)
    for blob in f["blobs"]:
        mine = net.blobs[split_owner(blob, net.blobs)]
        assert_close(blob, mine.data, f["blobs"][blob]["data"])
        if "diff" in f["blobs"][blob] and blob in wanted and mine.name == blob:
            assert_close(f"{blob}.diff", mine.diff, f["blobs"][blob]["diff"])
    for layer in f.get("params_diff", {}):
        for i, recorded in f["params_diff"][layer].items():
            assert_close(f"{layer}[{i}].diff", net.params[layer][int(i)].diff, recorded)


def accept_cases():
    path = PROTO / "accept_reject.json"
    return json.loads(path.read_text()) if path.exists() else {}


@pytest.mark.parametrize("name", accept_cases())
def test_accepts_and_refuses_what_caffe_does(name):
    if name in DIFFERENT:
        pytest.skip(DIFFERENT[name])
    case = accept_cases()[name]
    try:
        Net(load_net("net.prototxt", text=case["prototxt"]), "TEST")
        message = None
    except PycaffeGeoError as e:
        message = str(e)
    assert (message is None) == case["accepted"], message or case["message"]
    assert message is None or re.match(r"net.prototxt:\d+:\d+: ", message), message
