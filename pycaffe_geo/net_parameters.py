"""The parameters of a Net: sharing by name, learning rates, and copying from weights files."""

import logging
import os
from dataclasses import dataclass, field, replace

import numpy as np

from pycaffe_geo.errors import SpecError, WeightsError, listed, nearest
from pycaffe_geo.weights import read_weights

log = logging.getLogger(__name__)


@dataclass
class CopyReport:
    """What `copy_from` did: layers loaded, layers of the file that the net has not, layers left at their initial values."""

    path: str
    loaded: list = field(default_factory=list)
    repeated: list = field(default_factory=list)
    skipped: list = field(default_factory=list)
    initial: list = field(default_factory=list)

    def __str__(self):
        lines = [f"{self.path}: loaded {len(self.loaded)} layer(s): {listed(self.loaded)}"]
        lines += [f"  {text}" for text in self.repeated]
        if self.skipped:
            lines.append(f"  not in this net, skipped: {listed(self.skipped)}")
        if self.initial:
            lines.append(f"  not in the file, left at their initial values: {listed(self.initial)}")
        return "\n".join(lines)


class Parameters:
    """The parameter blobs of a net, each once, with their learning-rate and decay factors."""

    def __init__(self, frozen):
        self.frozen = frozen
        self.blobs = []
        self.lr_mults = []
        self.decay_mults = []
        self.names = []
        self._given = []
        self._by_name = {}
        self._sharers = set()
        self._owners = {}

    def finish(self, layers):
        """Tell every layer which of its parameters learn, once all sharers have had their say."""
        for layer in layers:
            layer.param_propagate_down = [self.lr_mults[i] != 0 for i in self._owners.get(layer.name, [])]

    def add(self, layer):
        """Take in the parameter blobs of a layer that has been set up; share those whose name an earlier layer gave."""
        specs = layer.definition.param
        if len(specs) > len(layer.blobs):
            raise SpecError(f"{layer.where}: has {len(specs)} `param` entries for {len(layer.blobs)} parameter(s)")
        layer.frozen = layer.name in self.frozen
        for j, blob in enumerate(layer.blobs):
            spec = layer.definition.param_spec(j)
            if layer.fixed_blobs and spec.lr_mult:
                raise SpecError(
                    f"{layer.where}: param {j} has lr_mult {spec.lr_mult}, expected 0: the layer updates it by itself"
                )
            owner = self._by_name.get(spec.name)
            if owner is None:
                owner = self._own(layer, j, blob, spec)
            else:
                self._share(layer, j, blob, spec, owner)
            self._owners.setdefault(layer.name, []).append(owner)
            if layer.frozen:
                self.lr_mults[owner] = self.decay_mults[owner] = 0.0

    def _own(self, layer, j, blob, spec):
        index = len(self.blobs)
        self.blobs.append(blob)
        self.names.append(f"{layer.name}[{j}]")
        self._given.append(spec)
        lr = 0.0 if layer.fixed_blobs else 1.0 if spec.lr_mult is None else spec.lr_mult
        self.lr_mults.append(lr)
        self.decay_mults.append(1.0 if spec.decay_mult is None else spec.decay_mult)
        self._by_name[spec.name] = index
        return index

    def _share(self, layer, j, blob, spec, owner):
        """Let `blob` be the owner's; a factor may be given again only where the owner left it out or gave the same."""
        first = self.blobs[owner]
        same = blob.count == first.count if spec.share_mode == "PERMISSIVE" else blob.shape == first.shape
        if not same:
            raise SpecError(
                f"{layer.where}: param {j} is {blob.shape}, expected {first.shape}: it shares {self.names[owner]}"
            )
        blob.share_data(first)
        blob.share_diff(first)
        self._sharers.add(id(blob))
        for field_name, values in (("lr_mult", self.lr_mults), ("decay_mult", self.decay_mults)):
            mine, theirs = getattr(spec, field_name), getattr(self._given[owner], field_name)
            if mine is None:
                continue
            if theirs is not None and mine != theirs:
                raise SpecError(
                    f"{layer.where}: param '{spec.name}' has {field_name} {mine}, "
                    f"expected {theirs} as {self.names[owner]}, which shares it, has"
                )
            values[owner] = mine
            self._given[owner] = replace(self._given[owner], **{field_name: mine})

    def owned(self, layers):
        """Return {layer name: [its blobs, None for one that is another layer's]} for every layer, as Caffe saves them."""
        return {layer.name: [None if id(b) in self._sharers else b for b in layer.blobs] for layer in layers}

    def copy_from(self, layers, paths):
        """Copy the weights in `paths` into the layers of the same names and return a CopyReport."""
        if isinstance(paths, (str, os.PathLike)):
            paths = str(paths).split(",")
        report = CopyReport(", ".join(map(str, paths)))
        by_name = {layer.name: layer for layer in layers}
        for path in paths:
            for name, arrays in read_weights(path).items():
                if name in by_name:
                    self._copy_layer(path, by_name[name], arrays, report)
                else:
                    report.skipped.append(name)
        loaded_blobs = {id(b._data) for name in report.loaded for b in by_name[name].blobs}
        report.loaded = list(dict.fromkeys(report.loaded))
        report.initial = [la.name for la in layers if any(id(b._data) not in loaded_blobs for b in la.blobs)]
        if not report.loaded:
            raise WeightsError(
                f"{report.path}: no layer of the file is in this net{_near(report.skipped, by_name)} "
                f"(the file has {listed(report.skipped)})"
            )
        log.info("%s", report)
        return report

    def _copy_layer(self, path, layer, arrays, report):
        """A parameter that another layer owns may be missing."""
        arrays = arrays + [None] * (len(layer.blobs) - len(arrays))
        missing = [j for j, b in enumerate(layer.blobs) if arrays[j] is None and id(b) not in self._sharers]
        if missing or len(arrays) != len(layer.blobs):
            got, count = sum(a is not None for a in arrays), len(layer.blobs)
            raise WeightsError(f"{path}: layer '{layer.name}' has {got} parameter(s), expected {count} ({layer.where})")
        for j, (array, blob) in enumerate(zip(arrays, layer.blobs)):
            if array is not None:
                _copy_blob(path, layer, j, array, blob, report)
        report.loaded.append(layer.name)


def _near(names, known):
    hints = [nearest(n, known) for n in names]
    return next((h for h in hints if h), "")


def _copy_blob(path, layer, j, array, blob, report):
    times = _repeats(layer, array.shape, blob.shape)
    if times:
        report.repeated.append(f"'{layer.name}': its RGB filters repeated {times} times and divided by {times}")
        array = np.tile(array, (1, times, 1, 1)) / times
    elif array.shape != blob.shape:
        raise WeightsError(
            f"{path}: layer '{layer.name}' param {j} is {array.shape}, expected {blob.shape} ({layer.where}); "
            "to train this layer from its initial values, rename it"
        )
    blob.data[...] = layer.device.asarray(array.reshape(blob.shape), dtype=blob.dtype)


def _repeats(layer, source, target):
    """Return k where filters of one RGB image (3 channels) go into a convolution that reads k stacked images, else 0."""
    if layer.type != "Convolution" or len(source) != 4 or len(target) != 4 or source[1] != 3:
        return 0
    fits = source[0] == target[0] and source[2:] == target[2:] and target[1] % 3 == 0 and target[1] > 3
    return target[1] // 3 if fits else 0
