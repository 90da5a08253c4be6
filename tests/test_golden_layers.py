"""Every case of ../shared/golden/layers through a Net, in float64 and float32: all that real Caffe gave."""

import ast
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from golden import GOLDEN, Case, compare
from pycaffe_geo import Net
from pycaffe_geo.spec import load_net

TESTS = Path(__file__).parent
CASES = sorted(path.stem for path in (GOLDEN / "layers").glob("*.h5"))
needs_recordings = pytest.mark.skipif(not CASES, reason=f"{GOLDEN} is missing")

SHARED = "Caffe's layer shares its top's diff with its bottom's, which wiped the recorded one"
SCRATCH = "no gradient is asked for here: Caffe used this diff as scratch memory"
LAST_STATE = "Caffe ignores the gradients of the last states, which are tops; ours are exact"
MARGINS = "Caffe keeps its margins in this diff from forward to backward, where the recording's marks replaced them"
# case: (what differs on purpose, why). All else of these cases agrees, and the test of the layer compares what it can.
DIFFERENT = {
    "absloss": ("a.diff b.diff", "the slope at equal values is 0, Caffe's is -1"),
    "concat_single": ("y.diff", SHARED),
    "dropout_train": ("y.data x.diff", "random: test_dropout.py takes the recorded mask"),
    "geotransform": ("d0.diff T0.diff K0.diff", SCRATCH),
    "hinge_4d": ("x.diff", MARGINS),
    "hinge_l1": ("x.diff", MARGINS),
    "infogain_3b": ("x0.diff", SCRATCH),
    "infogain_ignore_full": ("x0.diff", SCRATCH),
    "infogain_spatial": ("x0.diff", SCRATCH),
    "lstm_expose": ("x.diff lay[0].diff lay[1].diff lay[2].diff", LAST_STATE),
    "pinhole": ("coords.data flow.data K.diff P.diff", "points with Z <= 0 give coordinates -2 and no gradient, not huge ones"),
    "pool_ave_empty_window_nan": ("y.data", "a window without any pixel gives 0, not NaN"),
    "power_cubic_shift0": ("x.diff", "the slope at 0 is 0, not NaN"),
    "reshape_0_neg1": ("y.diff", SHARED),
    "reshape_axis": ("y.diff", SHARED),
    "reshape_axis_neg": ("y.diff", SHARED),
    "rnn_expose": ("x.diff lay[0].diff lay[1].diff lay[2].diff", LAST_STATE),
    "rnn_expose_cont1": ("x.diff lay[0].diff lay[1].diff lay[2].diff", LAST_STATE),
    "rnn_expose_static": ("x.diff xs.diff lay[0].diff lay[1].diff lay[2].diff lay[3].diff", LAST_STATE),
    "se3_kitti": ("T.diff x.diff", "near zero rotation Caffe's sign is wrong; and its layer changes its top's diff"),
    "sigmoid_inplace": ("h.diff x.diff", "a second layer in place takes Sigmoid the values of its gradient in Caffe, not here"),
    "warping": ("u.diff v.diff cu[0].diff cv[0].diff", "the exact derivative; Caffe's is that of the warped image"),
}


def build(case, dtype):
    """Return a Net with the recorded inputs and parameters."""
    definition = load_net(case.path.with_suffix(".prototxt"))
    net = Net(replace(definition, layers=tuple(case.definitions())), case.phase, dtype=dtype)
    for layer, values in case.params.items():
        for blob, value in zip(net.params[layer], values, strict=True):
            blob.data[...] = value
    for name, value in case.inputs.items():
        net.blobs[name].data[...] = value
    return net


def results(case, net):
    """Yield (what, ours, recorded) of every recorded array, through all forwards and the backward."""
    for k, (outputs, params) in enumerate(case.forwards, 1):
        net.forward()
        for name, value in outputs.items():
            yield f"{name} of forward {k}", net.blobs[name].data, value
        yield from parameters(net, params, "data")
    yield from ((f"{name}.data", net.blobs[name].data, value) for name, value in case.data.items())
    for name, value in case.top_diffs.items():
        net.blobs[name].diff[...] = value
    net.backward()
    yield from ((f"{name}.diff", net.blobs[name].diff, value) for name, value in case.diff.items())
    yield from parameters(net, case.params_diff, "diff")


def parameters(net, recorded, field):
    for layer, values in recorded.items():
        for i, value in enumerate(values):
            yield f"{layer}[{i}].{field}", getattr(net.params[layer][i], field), value


def l2_agrees(ours, recorded):
    return np.linalg.norm(ours - recorded) <= 1e-4 * max(np.linalg.norm(recorded), 1)


@needs_recordings
@pytest.mark.parametrize("name", CASES)
def test_as_caffe(name):
    case = Case(name)
    different = set(DIFFERENT.get(name, ("", ""))[0].split())
    compared = 0
    for what, ours, recorded in results(case, build(case, "float64")):
        compared += 1
        if what in different:
            with pytest.raises(AssertionError):
                compare(what, ours, recorded)
            different.discard(what)
        else:
            compare(f"{name}: {what}", ours, recorded)
    assert compared and not different


@needs_recordings
@pytest.mark.parametrize("name", CASES)
def test_as_caffe_in_float32(name):
    case = Case(name)
    for what, ours, recorded in results(case, build(case, "float32")):
        assert what in DIFFERENT.get(name, ("", ""))[0].split() or l2_agrees(ours, recorded), f"{name}: {what}"


def named_in(path):
    """Return every word of a test file's texts, and each put behind the fixed start of a text such as f"pool_{case}"."""
    nodes = list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))
    words = {w for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str) for w in n.value.split()}
    starts = [n.values[0] for n in nodes if isinstance(n, ast.JoinedStr)]
    return words | {f"{s.value}{w}" for s in starts if isinstance(s, ast.Constant) for w in words}


@needs_recordings
def test_every_case_is_named_in_the_test_of_a_layer():
    named = set().union(*(named_in(path) for path in (TESTS / "layers").glob("*.py")))
    assert set(CASES) <= named, f"not named in tests/layers: {json.dumps(sorted(set(CASES) - named))}"


@needs_recordings
def test_the_table_of_differences_names_cases():
    assert set(DIFFERENT) <= set(CASES)
