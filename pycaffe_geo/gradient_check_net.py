"""Gradient checks of a whole net, from data to loss, or of one of its layers on the values it really sees."""

import logging
import os
from dataclasses import fields, replace

import numpy as np

from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import DataError, SpecError, listed
from pycaffe_geo.gradient_check import GARBAGE, LayerCheck, set_up
from pycaffe_geo.gradient_probe import Prober, Report, Target
from pycaffe_geo.layer import Clock, layer_class
from pycaffe_geo.layers.input import BlobShape, InputParam
from pycaffe_geo.net import Net
from pycaffe_geo.spec import LayerDef, NetState, filter_net, load_net

log = logging.getLogger(__name__)

_STEPS = (1e-4, 1e-5, 1e-6, 1e-7)  # small: a net has many kinks close by


def check_net(
    net,
    layer=None,
    phase="TRAIN",
    seed=0,
    tolerance=1e-6,
    probes=20,
    batch=2,
    shapes=None,
    inputs=None,
    weights=None,
    level=0,
    stages=(),
    max_memory=None,
):
    """Return a Report on the gradients of a net in float64: of all parameters that learn, and of inputs that get a gradient.

    net: the path of a network file, a NetDef, or a Net (its phase, weights and input values are used). layer: check that layer
    alone, on the bottoms and parameters it has in the net. probes: elements to check on a blob of more than 200.
    Data layers give their first batch, of at most `batch` samples (None: as the file says). A layer all of whose tops are in
    `shapes` ({top: shape}) gets seeded samples instead; `inputs` ({top: array}) gives the values of tops themselves.
    Data that cannot be read and has no shapes raises DataError. Loss weights are the net's own; for one layer see check_layer.
    max_memory: see Net.
    """
    inputs = dict(inputs or {})
    if isinstance(net, Net):
        phase, definition, seed_of_net = net.phase, net.definition, net.clock.seed
        inputs = {name: asnumpy(net.blobs[name].data) for name in net.inputs} | inputs
    else:
        definition = load_net(net) if isinstance(net, (str, os.PathLike)) else net
        definition, seed_of_net = filter_net(definition, NetState(phase, level, tuple(stages))), seed
    definition, values = _with_inputs(definition, phase, batch, shapes or {}, inputs, seed)
    twin = Net(definition, phase, weights, dtype="float64", seed=seed_of_net, max_memory=max_memory)
    if isinstance(net, Net):
        for mine, theirs in zip(twin.learnable, net.learnable):
            mine.data[...] = asnumpy(theirs.data)
    check = _NetCheck(twin, values)
    return check.run_layer(layer, seed, tolerance, probes) if layer else check.run(seed, tolerance, probes)


def _with_inputs(definition, phase, batch, shapes, inputs, seed):
    """Return the NetDef with Input layers in place of its data layers, and {top: float64 array} of their values."""
    values, layers = {}, []
    for d in definition.layers:
        d = replace(d, include=(), exclude=())  # the rules have been applied
        if layer_class(d.type).is_data or (d.type == "Python" and not d.bottom):
            for name, value in _data(d, phase, batch, shapes, inputs, seed).items():
                values[name] = np.array(value, np.float64)
            shape = tuple(BlobShape(values[name].shape) for name in d.top)
            d = LayerDef(d.name, "Input", top=d.top, parameters={"input_param": InputParam(shape)}, place=d.place)
        layers.append(d)
    unknown = [name for name in (*shapes, *inputs) if name not in values]
    if unknown:
        raise SpecError(f"no data layer makes {listed(unknown)} (they make {listed(values)})")
    return replace(definition, layers=tuple(layers)), values


def _data(d, phase, batch, shapes, inputs, seed):
    """Return {top: array} for the data layer `d`."""
    shapes = {n: s for n, s in shapes.items() if n in d.top} | {n: np.shape(inputs[n]) for n in d.top if n in inputs}
    missing = [name for name in d.top if name not in shapes]
    if missing and any(name not in inputs for name in shapes) and d.type != "Input":
        where = f"layer '{d.name}' ({d.type})"
        raise SpecError(f"{where}: shapes are given for {listed(shapes)}, expected them for {listed(missing)} too")
    if d.type == "Input" or missing:
        top = [Blob((), np.float64, CPU, name) for name in d.top]
        try:
            layer = layer_class(d.type)(_smaller(d, batch), phase, np.float64, CPU, Clock(seed))
            layer.setup([], top)
            layer.reshape([], top)
            layer.forward([], top)
        except DataError as e:
            example = " ".join(f"--shape {name}=N,C,H,W" for name in d.top)
            raise DataError(f"{e}; to check on random samples instead, give their shapes: {example}") from e
        read = {t.name: t.data for t in top}
        if d.type != "Input":
            return read | {name: inputs[name] for name in d.top if name in inputs}
        shapes = {name: value.shape for name, value in read.items()} | shapes
    rng = np.random.default_rng((seed, 1))
    return {name: inputs[name] if name in inputs else sample(name, shapes[name], rng) for name in d.top}


def _smaller(d, batch):
    """Return the LayerDef with `batch_size` at most `batch`, in whichever of its parameters has one."""
    parameters = dict(d.parameters)
    for key, value in parameters.items():
        if batch and any(f.name == "batch_size" for f in fields(value)):
            parameters[key] = replace(value, batch_size=min(batch, value.batch_size))
    return replace(d, parameters=parameters)


def sample(name, shape, rng):
    """Return random values for a top, plausible for what its name and shape say: depth, intrinsics, pose, label, image."""
    if name == "depth":
        return rng.uniform(1, 4, shape)
    if name == "intrinsics" and tuple(shape[1:]) == (4, 1, 1):
        return np.broadcast_to(np.array([30.0, 30.0, 16.0, 12.0]).reshape(4, 1, 1), shape)
    if name == "pose" and tuple(shape[-2:]) == (4, 4):
        return np.broadcast_to(np.eye(4), shape)
    if name == "label":
        return rng.integers(0, 2, shape)
    if len(shape) == 4 and shape[1] == 3:
        return rng.uniform(0, 255, shape)
    return rng.normal(size=shape)


class _NetCheck:
    """A float64 net whose data layers are Inputs, and the values these hold."""

    def __init__(self, net, values):
        self.net = net
        self.values = values
        self.losses = [(t, w) for tops, weights in zip(net.tops, net.loss_weights) for t, w in zip(tops, weights) if w]

    def run(self, seed, tolerance, probes):
        """Check the whole net."""
        where = f"net '{self.net.name}'" + (f" ({self.net.definition.file})" if self.net.definition.file else "")
        everything = range(len(self.net.layers))
        base = self.evaluate(everything)
        problems = []
        if not self.losses:
            problems.append("has no loss: no layer of it is a loss or has a loss_weight")
        if not all(np.all(np.isfinite(a)) for a in base):
            problems.append(f"the loss is not finite: {', '.join(f'{t.name} = {t.data}' for t, _ in self.losses)}")
        if any(not np.array_equal(a, b) for a, b in zip(base, self.evaluate(everything))):
            problems.append("forward gives another loss when it runs again on the same data")
        targets = self._targets() if not problems else []
        if not targets and not problems:
            problems.append("nothing to check: no parameter learns and no input gets a gradient (see force_backward)")
        weights = [np.full(t.shape, w) for t, w in self.losses]
        prober = Prober(base, weights, tolerance, probes, np.random.default_rng(seed), _STEPS)
        blobs = []
        for t in targets:
            blobs.append(prober.check(t))
            log.info("%s", blobs[-1].lines()[0])
        return Report(where, tolerance, blobs, problems)

    def run_layer(self, name, seed, tolerance, probes):
        """Check one layer, made anew, on its bottoms and parameters."""
        number = self.net.layer_index(name)
        self.evaluate(range(number))
        theirs = self.net.layers[number]
        bottoms = [b.data.copy() for b in self.net.bottoms[number]]
        cls = layer_class(theirs.definition.type)
        made = set_up(cls(theirs.definition, theirs.phase, np.float64, CPU, self.net.clock), bottoms)
        made[0].frozen = theirs.frozen
        for mine, blob in zip(made[0].blobs, theirs.blobs):
            mine.data[...] = blob.data
        report = LayerCheck(*made, seed=seed).run(tolerance, probes)
        if not report.blobs and not report.problems:
            report.problems.append("nothing to check: the layer has no parameters, and no bottom that gets a gradient")
        return report

    def evaluate(self, layers):
        """Run these layers (numbers, ascending) and return copies of the losses."""
        for i in layers:
            if self.net.layers[i].type == "Input":
                for t in self.net.tops[i]:
                    t.data[...] = self.values[t.name]
            else:
                self.net.forward_layer(i)
        return [t.data.copy() for t, _ in self.losses]

    def _targets(self):
        net = self.net
        received = self._fill_diffs()
        net.clear_param_diffs()
        net.backward()
        targets = []
        for name, blob, lr_mult in zip(net.param_names, net.learnable, net.lr_mults):
            users = [i for i, layer in enumerate(net.layers) if any(b.shares_data(blob) for b in layer.blobs)]
            if lr_mult and any(net.backward_layers[i] for i in users):
                targets.append(self._target(name, blob.data, blob.diff, users))
        for i, layer in enumerate(net.layers):
            if layer.type == "Input":
                targets += [self._target(t.name, self.values[t.name], t.diff, [i]) for t in net.tops[i] if t.name in received]
        return targets

    def _target(self, name, data, diff, changed):
        layers = self._affected(changed)
        return Target(name, data, diff.copy(), lambda: self.evaluate(layers))

    def _fill_diffs(self):
        """Fill the diffs that backward writes, so that a forgotten write shows; return the names of these blobs."""
        losses = [t.name for t, _ in self.losses]
        received = set()
        for i, bottoms in enumerate(self.net.bottoms):
            if self.net.backward_layers[i]:
                received |= {b.name for b, wanted in zip(bottoms, self.net.propagate_down(i)) if wanted and b.name not in losses}
        for name in received:
            self.net.blobs[name].diff[...] = GARBAGE
        return received

    def _affected(self, changed):
        """Return the numbers of the layers to run after a change in the layers `changed`: what reads a blob of theirs, and so
        on; where one of these works in place, also the layers that made its blob."""
        touched = [{x.name for x in (*bottom, *top)} for bottom, top in zip(self.net.bottoms, self.net.tops)]
        run, more = set(), set(changed)
        while more != run:
            run = more
            dirty = {t.name for i in run for t in self.net.tops[i]}
            more = run | {i for i, names in enumerate(touched) if names & dirty}
        return sorted(run)
