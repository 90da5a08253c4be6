"""Gradient checks: the analytic gradients of one layer against central differences in float64, and the layer contract."""

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import SpecError, listed, nearest
from pycaffe_geo.gradient_probe import Prober, Report, Target
from pycaffe_geo.layer import Clock, Layer, layer_class
from pycaffe_geo.layers.python import Python
from pycaffe_geo.spec import LayerDef
from pycaffe_geo.spec.typed import build

LOSS_WEIGHT = 0.7  # not 1: a loss that ignores its weight must fail
GARBAGE = 12345.0  # bottom diffs before backward
_KNOWN = 3.0  # parameter diffs before backward


def build_layer(
    type_name, bottom=(), tops=1, phase="TRAIN", dtype="float64", name="layer", seed=0, device=CPU, in_place=False, **parameters
):
    """Return (layer, bottom blobs, top blobs): one layer outside of any net, set up and reshaped.

    type_name: a registered type or a Layer subclass. bottom: arrays, or shapes (tuples of ints) to fill with normal draws.
    tops: how many. in_place: top 0 is bottom 0. parameters: the layer's, as plain values, such as `power_param={"power": 2}`.
    """
    cls = layer_class(type_name) if isinstance(type_name, str) else type_name
    if not issubclass(cls, Layer):
        hint = f"python_param={{'module': '{cls.__module__}', 'layer': '{cls.__name__}'}}"
        raise SpecError(f"{cls.__name__} is no pycaffe_geo.Layer; a caffe.Layer runs as the layer type 'Python' with {hint}")
    if in_place and not cls.in_place:
        raise SpecError(f"layer '{name}' ({cls.__name__}) does not declare that it can work in place")
    bottom_names = tuple(f"bottom{i}" for i in range(len(bottom)))
    top_names = tuple(f"top{i}" for i in range(tops))
    definition = LayerDef(
        name=name,
        type=type_name if isinstance(type_name, str) else cls.__name__,
        bottom=bottom_names,
        top=(bottom_names[0], *top_names[1:]) if in_place else top_names,
        parameters=_typed(cls, parameters, f"layer '{name}' ({cls.__name__})"),
    )
    values = [np.random.default_rng((seed, i)).normal(size=b) if isinstance(b, tuple) else b for i, b in enumerate(bottom)]
    return set_up(cls(definition, phase, dtype, device, Clock(seed)), values)


def set_up(layer, values):
    """Return (layer, bottom blobs, top blobs) for a new `layer`, set up on bottoms that hold `values`; a loss's weight is 1."""
    blobs = {}
    for name, value in zip(layer.definition.bottom, values):
        blobs[name] = Blob(np.shape(value), layer.dtype, layer.device, name)
        blobs[name].data[...] = layer.device.asarray(np.asarray(value, layer.dtype))
    bottom = [blobs[n] for n in layer.definition.bottom]
    top = [blobs.setdefault(n, Blob((), layer.dtype, layer.device, n)) for n in layer.definition.top]
    layer.setup(bottom, top)
    layer.reshape(bottom, top)
    if layer.is_loss:
        top[0].diff[...] = 1
    return layer, bottom, top


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
    """Return a Report on one layer: `.ok`, `.max_error`, `.checked`, `.kinks`, and `str(report)` for people.

    Arguments are `build_layer`'s; check_bottoms: indices of the bottoms to check (default: all that can have a gradient);
    probes: elements to check on a blob of more than 200. Top diffs are random; a loss's is a weight of 0.7, and no gradient is
    expected through its other tops. Also asserted: backward overwrites bottom diffs where `propagate_down` says so and leaves the
    others alone, adds to parameter diffs, adds to bottom diffs where the layer says it can (`accumulates`), works with top and
    bottom diff in one buffer where it says so (`views`), and changes no data and no top diff. (A caffe.Layer may do the last two
    and may write diffs nobody asked for.)
    """
    layer, bottoms, top = build_layer(type_name, bottom, tops, phase, "float64", name, seed, in_place=in_place, **parameters)
    return LayerCheck(layer, bottoms, top, check_bottoms, seed).run(tolerance, probes)


def _typed(cls, parameters, where):
    for key in parameters:
        if key not in cls.parameters:
            raise SpecError(f"{where}: unknown key '{key}'{nearest(key, cls.parameters)} (known: {listed(cls.parameters)})")
    return {key: build(cls.parameters[key], value, f"{where}: {key}") for key, value in parameters.items()}


class LayerCheck:
    """The check of one float64 layer on the values its bottoms hold."""

    def __init__(self, layer, bottom, top, check_bottoms=None, seed=0):
        self.layer, self.bottom, self.top = layer, bottom, top
        self.rng = np.random.default_rng((seed, 1 << 31))  # no stream that `build_layer` draws bottoms from
        self.inputs = [b.data.copy() for b in bottom]
        fixed = {i % len(bottom) for i in layer.no_gradient if -len(bottom) <= i < len(bottom)}
        self.checked = [i for i in range(len(bottom)) if i not in fixed] if check_bottoms is None else list(check_bottoms)
        self.learned = [] if layer.fixed_blobs else layer.blobs
        self.strict = not isinstance(layer, Python)
        self.problems = []

    def run(self, tolerance, probes):
        """Return the Report."""
        base = self.evaluate()
        self.weights = self._draw_weights()
        if any(not np.all(np.isfinite(a)) for a in base):
            self._note("forward gives a value that is not finite")
        if any(not np.array_equal(a, b, equal_nan=True) for a, b in zip(base, self.evaluate())):
            self._note("forward gives another result when it runs again on the same bottoms")
        if not self.strict and self._is_coarse(base):
            self._note(
                "forward rounds to single precision, which blurs numeric slopes: use the dtype of bottom[0].data in place of "
                "np.float32, or check with a tolerance of 1e-2"
            )
        propagate = [i in self.checked for i in range(len(self.bottom))]
        bottom_diffs, param_diffs = self._backward(propagate)
        self._check_contract(propagate, bottom_diffs, param_diffs)
        prober = Prober(base, self.weights, tolerance, probes, self.rng)
        targets = [Target(self.bottom[i].name, self.inputs[i], bottom_diffs[i], self.evaluate, self._hint) for i in self.checked]
        targets += [Target(b.name, b.data, d, self.evaluate, self._hint) for b, d in zip(self.learned, param_diffs)]
        return Report(self.layer.where, tolerance, [prober.check(t) for t in targets], self.problems)

    def evaluate(self):
        """Return copies of the tops for `self.inputs` and the parameters as they are."""
        for blob, value in zip(self.bottom, self.inputs):
            blob.data[...] = value
        if self.layer.always_reshape:
            self.layer.reshape(self.bottom, self.top)
        self.layer.forward(self.bottom, self.top)
        return [t.data.copy() for t in self.top]

    def _is_coarse(self, base):
        """Whether forward does not feel a change in the 9th digit of all bottoms, but one in the 3rd."""
        same = []
        for change in (1e-9, 1e-3):
            kept = self.inputs
            self.inputs = [a * (1 + change) for a in kept]
            same.append(all(np.array_equal(a, b, equal_nan=True) for a, b in zip(base, self.evaluate())))
            self.inputs = kept
        return same == [True, False]

    def _draw_weights(self):
        if self.layer.is_loss:
            return [np.full(t.shape, LOSS_WEIGHT if i == 0 else 0.0) for i, t in enumerate(self.top)]
        return [self.rng.normal(size=t.shape) for t in self.top]

    def _backward(self, propagate, bottom_before=GARBAGE, param_before=0.0):
        """Run forward and backward; return copies of the diffs of bottoms and parameters. What must not change is compared."""
        self.evaluate()
        for b in self.bottom:
            b.diff[...] = bottom_before
        for b in self.learned:
            b.diff[...] = param_before
        for t, w in zip(self.top, self.weights):
            t.diff[...] = w
        blobs = {id(b): b for b in (*self.bottom, *self.top, *self.layer.blobs)}.values()
        before = [b.data.copy() for b in blobs]
        self.layer.backward(self.top, propagate, self.bottom)
        if self.strict:
            for b, data in zip(blobs, before):
                if not np.array_equal(b.data, data, equal_nan=True):
                    self._note(f"backward changed the data of '{b.name}'")
            for t, w in zip(self.top, self.weights):
                if not any(t.shares_diff(b) for b in self.bottom) and not np.array_equal(t.diff, w):
                    self._note(f"backward changed the diff of top '{t.name}'")
        return [b.diff.copy() for b in self.bottom], [b.diff.copy() for b in self.learned]

    def _check_contract(self, propagate, bottom_diffs, param_diffs):
        """Compare backward under other conditions with what it gave at first."""
        _, diffs = self._backward(propagate, param_before=_KNOWN)
        for b, diff, expected in zip(self.learned, diffs, param_diffs):
            if not _close(diff, expected + _KNOWN):
                self._note(f"backward overwrites the diff of '{b.name}', expected that it adds to what is there")
        if self.layer.accumulates:
            self.layer.adds = {i: True for i in self.checked}
            self._compare(propagate, [d + _KNOWN for d in bottom_diffs], "where it should add (`accumulates`)", before=_KNOWN)
            self.layer.adds = {}
        for i in self.checked:
            alone = [k == i for k in range(len(propagate))]
            self._compare(alone, bottom_diffs, f"when propagate_down is true for bottom {i} alone")
        if self.layer.views and self._can_share_diff():
            self.bottom[0].share_diff(self.top[0])
            self._compare(propagate, bottom_diffs, "with top and bottom diff in one buffer (`views`)")
            self.bottom[0].share_diff(Blob(self.bottom[0].shape, self.bottom[0].dtype))

    def _can_share_diff(self):
        return len(self.top) == 1 and self.top[0] is not self.bottom[0] and self.top[0].count == self.bottom[0].count

    def _compare(self, propagate, expected, when, before=GARBAGE):
        diffs, _ = self._backward(propagate, bottom_before=before)
        for i, b in enumerate(self.bottom):
            if propagate[i] and not _close(diffs[i], expected[i]):
                self._note(f"backward gives '{b.name}' another diff {when}")
            elif self.strict and not propagate[i] and not self._is_top(b) and not np.all(diffs[i] == before):
                self._note(f"backward writes the diff of '{b.name}', though propagate_down is false for it")

    def _is_top(self, bottom):
        return any(bottom.shares_diff(t) for t in self.top)

    def _note(self, text):
        if text not in self.problems:
            self.problems.append(text)

    def _hint(self, failures):
        """Return what the failures look like, "" where they look like nothing known."""
        analytic = np.array([f.analytic for f in failures])
        numeric = np.array([f.numeric for f in failures])
        if not np.all(np.isfinite(analytic)):
            return "the analytic gradient is not finite"
        if np.all(analytic == 0):
            return "the analytic gradient is 0: backward leaves it out"
        if np.all(analytic == GARBAGE):
            return "backward does not write this diff (it still holds what the check put there)"
        ratio = np.median(analytic / numeric)
        if len(failures) < 2 or not np.allclose(analytic, ratio * numeric, rtol=1e-4, atol=0):
            return ""
        if abs(ratio + 1) < 1e-4:
            return "every sign is wrong"
        weight = self.weights[0]
        if weight.size == 1 and np.allclose(ratio * weight, 1, rtol=1e-4):
            return f"top[0].diff, the loss weight (here {weight.item():.6g}), is ignored: multiply by it"
        return f"analytic is {ratio:.6g} times numeric"


def _close(a, b):
    return np.allclose(a, b, rtol=1e-9, atol=1e-12 * max(1.0, np.max(np.abs(b), initial=0.0)), equal_nan=True)
