"""Net: builds the layers of a network, wires and shares their blobs, and runs them forward and backward."""

import os
from fnmatch import fnmatchcase

import numpy as np

import pycaffe_geo.layers  # noqa: F401  (registers every layer)
from pycaffe_geo.backend import CPU, asnumpy
from pycaffe_geo.blob import Blob, MemoryLimit, Pool
from pycaffe_geo.errors import ShapeError, SpecError, listed, nearest
from pycaffe_geo.layer import Clock, layer_class
from pycaffe_geo.net_half import HalfCopies, insert_casts
from pycaffe_geo.net_memory import SharedMemory
from pycaffe_geo.net_parameters import Parameters
from pycaffe_geo.net_plan import plan_backward
from pycaffe_geo.spec import TEST, TRAIN, NetState, check_wiring, filter_net, load_net
from pycaffe_geo.weights import BINARY, write_weights


class Net:
    """A network of one phase, with pycaffe's interface.

    `spec` is the path of a network file or a NetDef, `device` a Device (see backend.choose_device; None: the CPU).
    Blobs by name are in `blobs`, parameter blobs by layer name in `params`.
    `freeze` lists layer-name patterns whose layers do not learn at all. `seed` keys fillers and all random layers.
    `max_memory` refuses a net whose parameters and blobs (in TRAIN with their diffs) take more bytes, before they are allocated.
    `half` makes the blobs of float32 nets float16 where that is precise enough (see net_half.py); parameters stay float32.
    Wrong files raise SpecError, shapes that do not fit ShapeError, weights that do not fit WeightsError.
    """

    def __init__(self, spec, phase, weights=None, *, level=0, stages=(), dtype="float32", device=None, seed=0, freeze=(),
                 max_memory=None, half=False):
        if phase not in (TRAIN, TEST):
            raise SpecError(f"phase: got {phase!r}, expected '{TRAIN}' or '{TEST}'")
        if np.dtype(dtype) not in (np.float32, np.float64):
            raise SpecError(f"dtype: got {dtype!r}, expected 'float32' or 'float64'")
        definition = load_net(spec) if isinstance(spec, (str, os.PathLike)) else spec
        self.definition = filter_net(definition, NetState(phase, level, _names(stages)))
        check_wiring(self.definition, definition)
        self.name = self.definition.name
        self.phase = phase
        self.dtype = np.dtype(dtype)
        self._dtypes, self._copies = {}, {}
        if half:
            if self.dtype != np.float32:
                raise SpecError(f"dtype: got '{dtype}', expected 'float32' for a net with float16 blobs")
            self.definition, self._dtypes = insert_casts(self.definition)
        self.device = device or CPU
        self.clock = Clock(seed)
        self.blobs = {}
        self.layers = []
        self.bottoms = []
        self.tops = []
        self.loss_weights = []
        self._last_shapes = []
        self._consumed = {}
        self._writers = {}
        self.overwritten = set()  # (layer name, top name) where a later layer changes in place what the layer's backward needs
        self._memory_limit = MemoryLimit(max_memory, 2 if phase == "TRAIN" else 1) if max_memory else None
        self._pool = Pool(self.device)
        self._parameters = Parameters(self._frozen_layers(_names(freeze)))
        for layer_def in self.definition.layers:
            self._add(layer_def)
        if max_memory:
            self._memory_limit.where = f"net '{self.name}'"  # of what is reshaped from now on
        self.layer_names = [layer.name for layer in self.layers]
        self.inputs = [t.name for layer, tops in zip(self.layers, self.tops) if layer.type == "Input" for t in tops]
        self._parameters.finish(self.layers)
        self.outputs = sorted(name for name in self.blobs if not self._consumed[name])
        self._plan = plan_backward(self)
        self._shared = None
        self._write_loss_weights()
        if weights:
            self.copy_from(weights)

    # ---- building

    def _add(self, layer_def):
        dtype = self._dtypes.get(layer_def.top[0], self.dtype) if layer_def.top else self.dtype
        layer = layer_class(layer_def.type)(layer_def, layer_def.phase or self.phase, dtype, self.device, self.clock)
        layer.pool = self._pool
        if self._memory_limit:
            layer.memory_limit, self._memory_limit.where = self._memory_limit, layer.where
        _check_count(layer, "bottom", len(layer_def.bottom), layer.bottoms)
        _check_count(layer, "top", len(layer_def.top), layer.tops)
        given, count = len(layer_def.propagate_down), len(layer_def.bottom)
        if given not in (0, count):
            raise SpecError(f"{layer.where}: propagate_down has {given} value(s), expected one for each of {count} bottoms")
        bottom = [self.blobs[name] for name in layer_def.bottom]
        top = [self._top(layer, layer_def, i) for i in range(len(layer_def.top))]
        for name in layer_def.bottom:
            self._consumed[name] = True
        for name in layer_def.top:
            self._writers.setdefault(name, []).append(layer)
            self._consumed[name] = False
        layer.setup(bottom, top)
        layer.reshape(bottom, top)
        self.layers.append(layer)
        self.bottoms.append(bottom)
        self.tops.append(top)
        self._last_shapes.append([b.shape for b in bottom])
        self.loss_weights.append(_loss_weights(layer, layer_def))
        self._parameters.add(layer)
        if layer.dtype == np.float16 and layer.blobs and not layer.fixed_blobs:
            self._copies[layer.name] = HalfCopies(layer)

    def _top(self, layer, layer_def, i):
        """Return the blob of top i: a new one, or the bottom's where the layer works in place."""
        name = layer_def.top[i]
        if name not in self.blobs:
            self.blobs[name] = Blob((), layer.dtype, self.device, name, self._memory_limit)
            return self.blobs[name]
        if name not in layer_def.bottom:
            raise SpecError(f"{layer.where}: top '{name}' is already made by layer '{self._writers[name][0].name}'")
        if not layer.in_place:
            raise SpecError(f"{layer.where}: cannot work in place (top '{name}' is its bottom): give the top a name of its own")
        if self._consumed[name]:
            raise SpecError(
                f"{layer.where}: cannot change '{name}' in place: another layer has read it before; "
                "give the top a name of its own"
            )
        if any(weight and blob.name == name for weights, blobs in zip(self.loss_weights, self.tops)
               for weight, blob in zip(weights, blobs)):
            raise SpecError(f"{layer.where}: cannot change '{name}' in place: it has a loss weight; give the top its own name")
        for writer in self._writers[name]:
            if writer.uses_top and not (writer.uses_top == "sign" and layer.keeps_sign):
                self.overwritten.add((writer.name, name))
        return self.blobs[name]

    def _frozen_layers(self, patterns):
        """Return the names of the layers that the freeze patterns match; each pattern must match one."""
        names = [d.name for d in self.definition.layers]
        for pattern in patterns:
            if not any(fnmatchcase(n, pattern) for n in names):
                raise SpecError(f"freeze: no layer matches '{pattern}'{nearest(pattern, names)}")
        return {n for n in names if any(fnmatchcase(n, p) for p in patterns)}

    def _write_loss_weights(self):
        """Put each loss weight into its top's diff, where the layer's backward reads it."""
        for weights, top in zip(self.loss_weights, self.tops):
            for weight, blob in zip(weights, top):
                if weight:
                    blob.diff[...] = weight

    # ---- parameters

    @property
    def params(self):
        """{layer name: [parameter blobs]} of the layers that have any."""
        return {layer.name: layer.blobs for layer in self.layers if layer.blobs}

    learnable = property(lambda self: self._parameters.blobs, doc="The parameter blobs, each once where several layers share it.")
    lr_mults = property(lambda self: self._parameters.lr_mults, doc="Learning-rate factor of each blob of `learnable`.")
    decay_mults = property(lambda self: self._parameters.decay_mults, doc="Weight-decay factor of each blob of `learnable`.")
    param_names = property(lambda self: self._parameters.names, doc="'layer[index]' of each blob of `learnable`.")

    def clear_param_diffs(self):
        """Set every parameter's diff to 0."""
        for blob in self.learnable:
            blob.clear_diff()

    def share_memory(self, keep=(), trains=True):
        """Let blobs share memory from now on, as far as their lifetimes allow it (see net_memory.py).

        Reading a blob whose memory another one has taken raises PycaffeGeoError. keep: patterns of the names of blobs that can
        be read at any time, as outputs, losses, inputs and parameters can without being named. trains: False where backward
        will not run, so that less has to live until then. Values that blobs hold now are lost.
        """
        shared = self.plan_memory(keep, trains)
        if self._shared:
            self._shared.release()
        self._shared = shared
        self._shared.allocate()

    def plan_memory(self, keep=(), trains=True):
        """Return the SharedMemory that `share_memory` would use: it tells how many bytes that takes."""
        return SharedMemory(self, self._plan, _names(keep), trains)

    def copy_from(self, path):
        """Copy weights by layer name from a file, a list of files or "a.h5,b.h5" (later files win).

        Return a CopyReport, whose text tells what was loaded, skipped and left at its initial value.
        """
        return self._parameters.copy_from(self.layers, path)

    def save(self, path, diffs=False):
        """Write the parameters (and, on request, their diffs) to an HDF5 file in Caffe's layout, atomically.

        A name that ends in .caffemodel makes Caffe's binary file, in which every layer holds the parameters that it shares too.
        """
        binary = os.fspath(path).endswith(BINARY)
        owned = {la.name: la.blobs for la in self.layers} if binary else self._parameters.owned(self.layers)
        write_weights(
            path,
            {name: [b and asnumpy(b.data) for b in blobs] for name, blobs in owned.items()},
            {name: [b and asnumpy(b.diff) for b in blobs] for name, blobs in owned.items()} if diffs else None,
        )

    def share_with(self, other):
        """Use the parameter data of the layers of the same names in `other` (a train net's weights in its test net)."""
        theirs = other.params
        for layer in self.layers:
            for mine, blob in zip(layer.blobs, theirs.get(layer.name, [])):
                if mine.shape != blob.shape:
                    raise ShapeError(
                        f"{layer.where}: cannot share '{mine.name}' of shape {mine.shape} with one of shape {blob.shape}"
                    )
                mine.share_data(blob)

    def positions(self):
        """Return {data layer name: batches given out so far}."""
        return {layer.name: layer.position for layer in self.layers if hasattr(layer, "position")}

    def set_positions(self, positions):
        """Set the data layers back (or ahead) to what `positions` returned."""
        for layer in self.layers:
            if layer.name in positions:
                layer.position = positions[layer.name]

    # ---- running

    @property
    def loss(self):
        """The weighted sum of all losses of the last forward, a float."""
        return float(sum(self.loss_terms().values()))

    def loss_terms(self):
        """Return {top name: loss_weight * sum of its data}, floats, of the last forward."""
        return {
            blob.name: weight * float(blob.data.sum())
            for weights, top in zip(self.loss_weights, self.tops)
            for weight, blob in zip(weights, top)
            if weight
        }

    def reshape(self):
        """Give every layer its chance to follow changed shapes, first to last."""
        for i in range(len(self.layers)):
            self._reshape_layer(i)

    def forward(self, blobs=None, start=None, end=None, **inputs):
        """Run the layers from `start` to `end` (names; all by default) and return {name: data} of the outputs and of `blobs`.

        `inputs` are written to the blobs of those names first; their shapes must fit.
        """
        wanted = self._named(blobs or (), "blobs=")
        self._write(inputs, self.inputs if inputs else (), "data", "input")
        first = self.layer_index(start) if start else 0
        last = self.layer_index(end) if end else len(self.layers) - 1
        rectified = False  # by the layer before
        for i in range(first, last + 1):
            self._prepare(i)
            if rectified:
                rectified = False
            elif i < last and self._takes_relu(i):
                self._runner(i).forward_rectified(self.bottoms[i], self.tops[i])
                rectified = True
            else:
                self._runner(i).forward(self.bottoms[i], self.tops[i])
            self._save(i)
        names = [t.name for t in self.tops[last]] if end else self.outputs
        return {name: self.blobs[name].data for name in dict.fromkeys([*names, *wanted])}

    def forward_layer(self, i):
        """Run layer number i forward, after a reshape where a bottom's shape has changed."""
        self._prepare(i)
        self._runner(i).forward(self.bottoms[i], self.tops[i])
        self._save(i)

    def _prepare(self, i):
        if self._shared and i == 0:
            self._shared.begin()
        if self.layers[i].always_reshape or self._last_shapes[i] != [b.shape for b in self.bottoms[i]]:
            self._reshape_layer(i)
        if self._shared:
            self._shared.enter(i)

    def _takes_relu(self, i):
        """True where layer number i, which is prepared, can do the work of the next one in its own pass."""
        layer, after = self.layers[i], self.layers[i + 1]
        in_place = self.tops[i] == self.bottoms[i + 1] == self.tops[i + 1]
        return in_place and after.only_rectifies and layer.rectifies

    def _save(self, i):
        for saved, blob in self._plan[i].saved:
            saved.data[...] = blob.data

    def backward(self, diffs=None, start=None, end=None, **top_diffs):
        """Run backward from layer `start` down to `end` (names; all by default).

        `top_diffs` are written to the diffs of those blobs first. Parameter diffs are added to: see `clear_param_diffs`.
        Return {name: diff} of the inputs and of `diffs`.
        """
        wanted = self._named(diffs or (), "diffs=")
        self._write(top_diffs, self.blobs, "diff", "blob")
        first = self.layer_index(start) if start else len(self.layers) - 1
        last = self.layer_index(end) if end else 0
        for i in range(first, last - 1, -1):
            self.backward_layer(i)
        names = [b.name for b in self.bottoms[last]] if end else self.inputs
        return {name: self.blobs[name].diff for name in dict.fromkeys([*names, *wanted])}

    def backward_layer(self, i):
        """Run layer number i backward where the loss depends on it, and sum the diffs of blobs that several layers read."""
        step = self._plan[i]
        if not step.runs:
            return
        for blob, weight in step.consumed_losses:
            blob.diff[...] += weight
        if self._shared:
            self._shared.enter(2 * len(self.layers) - 1 - i)
        self._runner(i).backward(step.top, step.propagate_down, step.bottom)
        for source, target in step.sums:
            target.diff[...] += source.diff

    @property
    def backward_layers(self):
        """For each layer, whether backward runs it."""
        return [step.runs for step in self._plan]

    def propagate_down(self, i):
        """Return, for each bottom of layer number i, whether backward computes its diff."""
        return list(self._plan[i].propagate_down)

    def layer_index(self, name):
        """Return the number of the layer of that name."""
        if name not in self.layer_names:
            raise SpecError(f"net '{self.name}' has no layer '{name}'{nearest(name, self.layer_names)}")
        return self.layer_names.index(name)

    def set_loss_scale(self, scale):
        """Multiply the diffs of float16 blobs by `scale`; those of parameters and of float32 blobs stay as they are."""
        for layer in self.layers:
            layer.loss_scale = scale
        self.device.moves += 1  # a recorded iteration has the old one

    def _runner(self, i):
        """Return what has the functions forward, forward_rectified and backward of layer number i."""
        return self._copies.get(self.layers[i].name, self.layers[i])

    def _reshape_layer(self, i):
        self.layers[i].reshape(self.bottoms[i], self.tops[i])
        self._last_shapes[i] = [b.shape for b in self.bottoms[i]]
        for weight, blob in zip(self.loss_weights[i], self.tops[i]):
            if weight:
                blob.diff[...] = weight

    def _named(self, names, what):
        for name in names:
            if name not in self.blobs:
                raise SpecError(f"{what}: net '{self.name}' has no blob '{name}'{nearest(name, self.blobs)}")
        return list(names)

    def _write(self, values, known, field, what):
        for name, value in values.items():
            if name not in known:
                raise SpecError(f"net '{self.name}' has no {what} '{name}'{nearest(name, known)} (there are {listed(known)})")
            target = getattr(self.blobs[name], field)
            if np.shape(value) != target.shape:
                raise ShapeError(f"net '{self.name}': {what} '{name}' got the shape {np.shape(value)}, expected {target.shape}")
            target[...] = self.device.asarray(value, dtype=target.dtype)


def _names(given):
    """Return a tuple of names; a single text is one name."""
    return (given,) if isinstance(given, str) else tuple(given)


def _check_count(layer, what, count, limits):
    least, most = limits
    if count < least or (most is not None and count > most):
        text = f"{least}" if most == least else f"at least {least}" if most is None else f"{least} to {most}"
        raise SpecError(f"{layer.where}: has {count} {what} blob(s), expected {text}")


def _loss_weights(layer, layer_def):
    count = len(layer_def.top)
    given = layer_def.loss_weight
    if given and len(given) != count:
        raise SpecError(f"{layer.where}: loss_weight has {len(given)} value(s) for {count} top(s), expected {count}")
    return given or tuple(1.0 if layer.is_loss and i == 0 else 0.0 for i in range(count))
