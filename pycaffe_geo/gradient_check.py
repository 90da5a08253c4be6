"""Gradient checks: analytic gradients of a layer (or a whole net) against central differences in float64."""

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import SpecError, listed, nearest
from pycaffe_geo.gradient_probe import Prober, Report, Target
from pycaffe_geo.layer import Clock, layer_class
from pycaffe_geo.spec import LayerDef
from pycaffe_geo.spec.typed import build

LOSS_WEIGHT = 0.7  # not 1, so that a loss layer that ignores its weight (top[0].diff) fails
_GARBAGE = 12345.0
_KNOWN = 3.0


def build_layer(
    type_name, bottom=(), tops=1, phase="TRAIN", dtype="float64", name="layer", seed=0, device=CPU, in_place=False, **parameters
):
    """Return (layer, bottom blobs, top blobs): one layer, set up and reshaped, outside of any net.

    type_name: a registered type name or a Layer subclass. bottom: arrays, or shapes (tuples of ints, filled with normal draws).
    parameters: the layer's own, as plain values: `power_param={"power": 2}`. in_place: top[0] is bottom[0].
    """
    cls = layer_class(type_name) if isinstance(type_name, str) else type_name
    bottom_blobs = [_bottom_blob(value, i, dtype, device, seed) for i, value in enumerate(bottom)]
    top_blobs = [Blob((), dtype, device, name=f"top{i}") for i in range(tops)]
    if in_place:
        top_blobs[0] = bottom_blobs[0]
    definition = LayerDef(
        name=name,
        type=cls.__name__ if cls is type_name else type_name,
        bottom=tuple(b.name for b in bottom_blobs),
        top=tuple(t.name for t in top_blobs),
        parameters=_typed(cls, parameters, f"layer '{name}' ({cls.__name__})"),
    )
    layer = cls(definition, phase=phase, dtype=dtype, device=device, clock=Clock(seed=seed))
    layer.setup(bottom_blobs, top_blobs)
    layer.reshape(bottom_blobs, top_blobs)
    if layer.is_loss:
        top_blobs[0].diff[...] = 1
    return layer, bottom_blobs, top_blobs


def check_layer(
    type_name,
    bottom=(),
    tops=1,
    phase="TRAIN",
    check_bottoms=None,
    seed=0,
    tolerance=1e-6,
    probes=40,
    in_place=False,
    name="layer",
    **parameters,
):
    """Return a Report on the gradients of one layer: `report.ok`, `.max_error`, `.checked`, `.kinks`, `str(report)`.

    Arguments as for `build_layer`; check_bottoms: indices of the bottoms to check (default: all that receive a gradient).
    """
    rng = np.random.default_rng(seed)
    built = build_layer(type_name, bottom, tops, phase, "float64", name, seed, in_place=in_place, **parameters)
    return _LayerCheck(*built, check_bottoms, rng).run(tolerance, probes)


def _bottom_blob(value, i, dtype, device, seed):
    if isinstance(value, tuple):
        value = np.random.default_rng((seed, i)).normal(size=value)
    value = np.asarray(value)
    blob = Blob(value.shape, dtype, device, name=f"bottom{i}")
    blob.data[...] = device.asarray(value.astype(dtype))
    return blob


def _typed(cls, parameters, where):
    for key in parameters:
        if key not in cls.parameters:
            raise SpecError(f"{where}: unknown key '{key}'{nearest(key, cls.parameters)} (known: {listed(cls.parameters)})")
    return {key: build(cls.parameters[key], value, f"{where}: {key}") for key, value in parameters.items()}


class _LayerCheck:
    """The check of one layer on given blobs."""

    def __init__(self, layer, bottom, top, check_bottoms, rng):
        self.layer, self.bottom, self.top = layer, bottom, top
        self.rng = rng
        self.inputs = [b.data.copy() for b in bottom]
        fixed = {i % len(bottom) for i in layer.no_gradient if -len(bottom) <= i < len(bottom)}
        self.checked = [i for i in range(len(bottom)) if i not in fixed] if check_bottoms is None else list(check_bottoms)
        self.problems = []

    def run(self, tolerance, probes):
        outputs = self.evaluate()
        self.weights = self.draw_weights()
        if any(not np.array_equal(a, b) for a, b in zip(outputs, self.evaluate())):
            self.problems.append("forward gives different results on the same bottoms")
        targets = self.backward()
        prober = Prober(self.evaluate, self.weights, tolerance, self.rng)
        blobs = [prober.check(t, probes) for t in targets]
        return Report(self.layer.where, tolerance, blobs, self.problems)

    def draw_weights(self):
        """Top diffs: random, or for a loss its weight (Caffe passes no gradient through a loss layer's other tops)."""
        if self.layer.is_loss:
            return [np.full(t.shape, LOSS_WEIGHT if i == 0 else 0.0) for i, t in enumerate(self.top)]
        return [self.rng.normal(size=t.shape) for t in self.top]

    def evaluate(self):
        """Return copies of the tops for `self.inputs` and the parameters as they are."""
        for blob, value in zip(self.bottom, self.inputs):
            blob.data[...] = value
        self.layer.forward(self.bottom, self.top)
        return [t.data.copy() for t in self.top]

    def backward(self):
        """Run backward once and return the targets; what it must not change is compared."""
        layer = self.layer
        for b in self.bottom:
            b.diff[...] = _GARBAGE
        for b in layer.blobs:
            b.diff[...] = _KNOWN
        for t, w in zip(self.top, self.weights):
            t.diff[...] = w
        blobs = [*self.bottom, *self.top, *layer.blobs]
        data = [b.data.copy() for b in blobs]
        propagate = [i in self.checked for i in range(len(self.bottom))]
        layer.backward(self.top, propagate, self.bottom)
        for b, before in zip(blobs, data):
            if not np.array_equal(b.data, before, equal_nan=True):
                self.problems.append(f"backward changed the data of '{b.name}'")
        for t, w in zip(self.top, self.weights):
            if t not in self.bottom and not np.array_equal(t.diff, w):
                self.problems.append(f"backward changed the diff of top '{t.name}'")
        for i, b in enumerate(self.bottom):
            if not propagate[i] and b not in self.top and np.any(b.diff != _GARBAGE):
                self.problems.append(f"backward wrote the diff of bottom '{b.name}', though propagate_down is false for it")
        targets = [Target(self.bottom[i].name, self.inputs[i], self.bottom[i].diff.copy()) for i in self.checked]
        for j, b in enumerate(layer.blobs):
            if j >= len(layer.param_propagate_down) or layer.param_propagate_down[j]:
                targets.append(Target(b.name, b.data, b.diff - _KNOWN))
        return targets
