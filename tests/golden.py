"""Results recorded from real Caffe in float64: `check_case(name)` runs our layers on the same inputs and compares all of it.

The recordings lie beside the project, in ../shared/golden; where they are missing, these tests skip.
"""

import json
import re
from dataclasses import is_dataclass, replace
from pathlib import Path

import numpy as np
import pytest

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import layer_class
from pycaffe_geo.spec import load_net

GOLDEN = Path(__file__).resolve().parents[2] / "shared" / "golden"
_UNWRITTEN = 777.25


class Case:
    """One recorded case of layers/: `inputs`, `top_diffs`, `data` and `diff` by blob, `params` and `params_diff` by layer;
    for each of its `forwards` (outputs by blob, parameters after it by layer)."""

    def __init__(self, name):
        self.path = GOLDEN / "layers" / f"{name}.h5"
        self.shapes, self.seen = {}, {}
        if not self.path.exists():
            pytest.skip(f"{self.path} is missing")
        import h5py

        with h5py.File(self.path) as f:
            names = ("blob_names", "blob_loss_weights", "layer_names", "bottom_need_backward")
            for key in names:
                setattr(self, key, json.loads(f.attrs[key]))
            self.phase = f.attrs["phase"]
            self.inputs = _arrays(f.get("inputs", {}))
            self.top_diffs = _arrays(f.get("top_diffs", {}))
            self.data = {b: f[f"blobs/{b}/data"][()] for b in f["blobs"]}
            self.diff = {b: f[f"blobs/{b}/diff"][()] for b in f["blobs"] if f"blobs/{b}/diff" in f}
            self.params = _params(f.get("params_init", {}))
            self.params_diff = _params(f.get("params_diff", {}))
            self.params_after_forward = _params(f.get("params_after_forward", {}))
            several = sorted(key for key in f if key.startswith("outputs_forward_"))
            self.forwards = [(_arrays(f[k]), _params(f[k.replace("outputs", "params_after")])) for k in several]
            self.forwards = self.forwards or [({}, self.params_after_forward)]

    def definitions(self):
        """Return the LayerDef of every layer of the case's prototxt."""
        layers = load_net(self.path.with_suffix(".prototxt")).layers
        return [replace(d, parameters={k: _as_float32(p) for k, p in d.parameters.items()}) for d in layers]

    def build(self, types=None):
        """Return (layers, {name: Blob}) in float64, set up, with the recorded inputs and parameters.

        types: {type name: class to use in its place}.
        """
        blobs = {name: Blob((), "float64", name=name) for name in self.blob_names}
        for name, value in self.inputs.items():
            blobs[name].reshape(*value.shape)
            blobs[name].data[...] = value
        layers = []
        for definition in self.definitions():
            if definition.type == "Input":
                continue
            cls = (types or {}).get(definition.type) or layer_class(definition.type)
            layer = cls(definition, phase=self.phase, dtype="float64")
            bottom, top = self.wires(layer, blobs)
            layer.setup(bottom, top)
            layer.reshape(bottom, top)
            self.shapes[layer.name] = [b.shape for b in bottom]
            for blob, value in zip(layer.blobs, self.params.get(layer.name, []), strict=True):
                blob.data[...] = value
            layers.append(layer)
        return layers, blobs

    def wires(self, layer, blobs):
        """Return (bottom blobs, top blobs) of a layer."""
        return [blobs[b] for b in layer.definition.bottom], [blobs[t] for t in layer.definition.top]

    def forward(self, layers, blobs):
        """Run all layers forward, with a reshape where a bottom's shape has changed, as a Net does."""
        for layer in layers:
            bottom, top = self.wires(layer, blobs)
            shapes = [b.shape for b in bottom]
            if self.shapes[layer.name] != shapes:
                layer.reshape(bottom, top)
                self.shapes[layer.name] = shapes
            layer.forward(bottom, top)
            self.seen[layer.name] = [self._saved(blob) if layer.uses_top else blob for blob in top]

    @staticmethod
    def _saved(blob):
        """Return a stand-in for `blob` that keeps its values, as a Net's for a top that a later layer changes in place."""
        saved = blob.saved()
        saved.data[...] = blob.data
        return saved

    def backward(self, layers, blobs):
        """Run all layers backward from the recorded top diffs and loss weights; unwritten diffs keep a mark."""
        for blob in blobs.values():
            blob.diff[...] = _UNWRITTEN
        for name, weight in zip(self.blob_names, self.blob_loss_weights):
            if weight:
                blobs[name].diff[...] = weight
        for name, value in self.top_diffs.items():
            blobs[name].diff[...] = value
        need = dict(zip(self.layer_names, self.bottom_need_backward))
        for layer in reversed(layers):
            bottom, top = self.wires(layer, blobs)
            seen = dict(zip(top, self.seen[layer.name]))
            layer.backward([*seen.values()], need[layer.name], [seen.get(blob, blob) for blob in bottom])


def check_case(name, tolerance=1e-9, types=None, skip=()):
    """Run case `name` forward and backward in float64 and compare all data, diffs and parameter diffs that were recorded.

    The difference is relative to the largest entry of each array. skip: blobs not to compare ("y" both, "y.data" / "y.diff" one).
    Returns (case, layers, blobs) for further looks.
    """
    case = Case(name)
    layers, blobs = case.build(types)
    case.forward(layers, blobs)
    for blob, recorded in case.data.items():
        if not {blob, f"{blob}.data"} & set(skip):
            compare(f"{name}: {blob}.data", blobs[blob].data, recorded, tolerance)
    _compare_params(f"{name}: data after forward of", layers, case.params_after_forward, "data", tolerance)
    if case.diff:
        case.backward(layers, blobs)
    for blob, recorded in case.diff.items():
        if not {blob, f"{blob}.diff"} & set(skip):
            compare(f"{name}: {blob}.diff", blobs[blob].diff, recorded, tolerance)
    _compare_params(f"{name}: diff of", layers, case.params_diff, "diff", tolerance)
    return case, layers, blobs


def compare(what, ours, recorded, tolerance=1e-9):
    """Assert that two arrays agree to `tolerance` of the largest recorded entry, absolutely where all are 0; NaN equals NaN."""
    assert ours.shape == recorded.shape, f"{what} is {ours.shape}, recorded {recorded.shape}"
    finite = np.abs(recorded[np.isfinite(recorded)])
    scale = finite.max(initial=0) or 1.0
    np.testing.assert_allclose(ours, recorded, rtol=0, atol=tolerance * scale, err_msg=what)


def split_owner(name, blobs):
    """Return our blob behind the name of Caffe's: its Split layers make copies named <blob>_<layer>_<i>_split_<k>."""
    match = re.fullmatch(r"(.+)_split_\d+", name)
    return next(b for b in sorted(blobs, key=len, reverse=True) if name.startswith(f"{b}_")) if match else name


def _compare_params(what, layers, recorded, field, tolerance):
    for layer in layers:
        for blob, value in zip(layer.blobs, recorded.get(layer.name, [])):
            compare(f"{what} {blob.name}", getattr(blob, field), value, tolerance)


def _arrays(group):
    return {name: group[name][()] for name in group}


def _params(group):
    return {layer: [group[layer][i][()] for i in sorted(group[layer], key=int)] for layer in group}


def _as_float32(value):
    """Return parameters with every float rounded to float32: Caffe keeps them so also in its float64 build."""
    if isinstance(value, float):
        return float(np.float32(value))
    if isinstance(value, tuple):
        return tuple(map(_as_float32, value))
    if is_dataclass(value):
        return replace(value, **{key: _as_float32(item) for key, item in vars(value).items()})
    return value
