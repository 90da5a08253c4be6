"""caffe.Net: pycaffe's interface of a network, with NumPy arrays on any device."""

import os
from collections import OrderedDict

import numpy as np

from pycaffe_geo.caffe import mode
from pycaffe_geo.errors import ShapeError, SpecError, listed, nearest
from pycaffe_geo.families.user_layers import HostBlob, Phase
from pycaffe_geo.net import Net as EngineNet


class Net:
    """A network, as pycaffe has it.

    Net(file, phase), Net(file, weights, phase) or Net(file, phase, level, stages, weights), also by these names; the file is
    prototxt or YAML.
    blobs, params   OrderedDicts of blobs and of lists of blobs, whose `data` and `diff` are NumPy arrays. On a GPU these are
                    copies, made when touched and written back when changed; take them anew after each run
    inputs, outputs, layers, layer_dict, bottom_names, top_names, _layer_names, _blob_names    as in pycaffe
    engine          the pycaffe_geo.Net behind it
    """

    def __init__(self, network_file, *args, **options):
        names = ("weights", "phase") if args and _is_path(args[0]) else ("phase", "level", "stages", "weights")
        if len(args) > len(names):
            raise TypeError(f"Net() got {len(args)} arguments after the file, expected at most {listed(names)}")
        self._build(network_file, **{**dict(zip(names, args)), **options})

    def _build(self, network_file, phase=None, level=0, stages=None, weights=None):
        try:
            phase = str(Phase(phase))
        except ValueError as e:
            raise SpecError(f"Net('{network_file}'): {e}") from None
        device, seed = mode.device(), mode.seed(0)
        self._wrap(EngineNet(network_file, phase, weights, level=level, stages=tuple(stages or ()), device=device, seed=seed))

    @classmethod
    def of(cls, engine):
        """Return a Net around a pycaffe_geo.Net that exists."""
        net = cls.__new__(cls)
        net._wrap(engine)
        return net

    def _wrap(self, engine):
        self.engine = engine
        self.blobs = OrderedDict((name, HostBlob(blob)) for name, blob in engine.blobs.items())
        self.layers = [LayerView(layer) for layer in engine.layers]
        self.params = OrderedDict((layer.name, layer.blobs) for layer in self.layers if layer.blobs)

    name = property(lambda self: self.engine.name, doc="The network's name.")
    inputs = property(lambda self: list(self.engine.inputs), doc="Names of the blobs that the caller fills.")
    outputs = property(lambda self: list(self.engine.outputs), doc="Names of the blobs that no layer reads.")
    _layer_names = property(lambda self: list(self.engine.layer_names))
    _blob_names = property(lambda self: list(self.engine.blobs))

    @property
    def layer_dict(self):
        """{layer name: layer}."""
        return OrderedDict((layer.name, layer) for layer in self.layers)

    @property
    def bottom_names(self):
        """{layer name: [bottom names]}."""
        return OrderedDict((layer.name, [b.name for b in bottom]) for layer, bottom in zip(self.layers, self.engine.bottoms))

    @property
    def top_names(self):
        """{layer name: [top names]}."""
        return OrderedDict((layer.name, [t.name for t in top]) for layer, top in zip(self.layers, self.engine.tops))

    def _bottom_ids(self, i):
        """Return the numbers (in `_blob_names`) of the bottoms of layer number i."""
        return [self._blob_names.index(blob.name) for blob in self.engine.bottoms[i]]

    def _top_ids(self, i):
        """Return the numbers (in `_blob_names`) of the tops of layer number i."""
        return [self._blob_names.index(blob.name) for blob in self.engine.tops[i]]

    @property
    def blob_loss_weights(self):
        """{blob name: loss weight}."""
        weights = OrderedDict.fromkeys(self.engine.blobs, 0.0)
        for top, values in zip(self.engine.tops, self.engine.loss_weights):
            weights.update((blob.name, value) for blob, value in zip(top, values))
        return weights

    # ---- running

    def forward(self, blobs=None, start=None, end=None, **kwargs):
        """Run from layer `start` to `end` and return {name: array} of the outputs (of `end`'s tops) and of `blobs`.

        Keywords fill the inputs: all of them, in the shape the blobs have.
        """
        if kwargs:
            self._check_keywords(kwargs, self.inputs, "inputs")
        self.write_back()
        result = self.engine.forward(blobs=blobs, start=start, end=end, **kwargs)
        return {name: self.blobs[name].data for name in result}

    def backward(self, diffs=None, start=None, end=None, **kwargs):
        """Run from layer `start` down to `end` and return {name: array} of the diffs of the inputs (of `end`'s bottoms) and of
        `diffs`. Keywords fill the outputs' diffs: all of them. Nothing runs where there is no loss and no force_backward."""
        if kwargs:
            self._check_keywords(kwargs, self.outputs, "outputs")
        self.write_back()
        result = self.engine.backward(diffs=diffs, start=start, end=end, **kwargs)
        return {name: self.blobs[name].diff for name in result}

    def forward_all(self, blobs=None, **kwargs):
        """Run forward over any number of samples, batch by batch; the last batch is filled up with zeros.

        Keywords: {input: array of samples}. Return {name: array} of the outputs and `blobs`, one row for each sample; a result
        without a batch axis, such as a loss, has one row for each batch.
        """
        samples = self._samples(kwargs, self.inputs, "inputs")
        collected = _Collected(self.batch_size(), samples)
        for batch in self._batches(kwargs):
            collected.add(self.forward(blobs=blobs, **batch))
        return collected.result()

    def forward_backward_all(self, blobs=None, diffs=None, **kwargs):
        """Run forward and backward over any number of samples. Keywords: inputs, and outputs, whose diffs they are.

        Return two dicts as forward_all's: of the outputs and `blobs`, and of the diffs of the inputs and `diffs`.
        """
        given = {name: value for name, value in kwargs.items() if name not in self.outputs}
        top_diffs = {name: value for name, value in kwargs.items() if name in self.outputs}
        samples = self._samples(given, self.inputs, "inputs")
        data, gradients = (_Collected(self.batch_size(), samples) for _ in range(2))
        if top_diffs and self._samples(top_diffs, self.outputs, "outputs") != samples:
            raise ShapeError(f"net '{self.name}': got {samples} samples of the inputs and another number of the outputs' diffs")
        backward_batches = self._batches(top_diffs) if top_diffs else iter(lambda: {}, None)
        for batch, top_batch in zip(self._batches(given), backward_batches):
            data.add(self.forward(blobs=blobs, **batch))
            gradients.add(self.backward(diffs=diffs, **top_batch))
        return data.result(), gradients.result()

    def reshape(self):
        """Let all layers follow inputs that were reshaped: `net.blobs['data'].reshape(1, 3, h, w); net.reshape()`."""
        self.write_back()
        self.engine.reshape()

    def write_back(self):
        """Bring what was changed in the arrays over to the device. Every run does this by itself."""
        for blob in (*self.blobs.values(), *(b for layer in self.layers for b in layer.blobs)):
            blob.write_back()

    # ---- weights and data

    def copy_from(self, weights):
        """Copy weights by layer name from a file (or several: "a.caffemodel,b.h5")."""
        self.write_back()
        return self.engine.copy_from(weights)

    load_hdf5 = copy_from

    def save(self, path):
        """Write the weights: Caffe's binary file where the name ends in .caffemodel, else HDF5."""
        self.write_back()
        self.engine.save(path)

    save_hdf5 = save

    def share_with(self, other):
        """Use the weights of the layers of the same names in the Net `other`."""
        self.write_back()
        other.write_back()
        self.engine.share_with(other.engine)

    def clear_param_diffs(self):
        """Set every parameter's diff to 0."""
        self.write_back()
        self.engine.clear_param_diffs()

    def set_input_arrays(self, data, labels):
        """Hand a MemoryData layer, which must be the first, its samples (N, C, H, W) and labels (N,)."""
        layer = self.engine.layers[0]
        if layer.type != "MemoryData":
            raise SpecError(f"set_input_arrays: the first layer is a {layer.type}, expected MemoryData")
        layer.reset(data, labels)

    # ---- batches

    def batch_size(self):
        """Return the size of axis 0 of the inputs, or of the first blob where there are none."""
        names = self.inputs or list(self.blobs)[:1]
        shape = self.engine.blobs[names[0]].shape
        if not shape:
            raise ShapeError(f"net '{self.name}': blob '{names[0]}' has no batch axis")
        return shape[0]

    def _samples(self, arrays, names, what):
        """Return the number of samples that `arrays` have; they must be all of `names` and agree."""
        self._check_keywords(arrays, names, what)
        counts = {name: len(value) for name, value in arrays.items()}
        if len(set(counts.values())) != 1:
            raise ShapeError(f"net '{self.name}': the numbers of samples differ: {counts}")
        return next(iter(counts.values()))

    def _batches(self, arrays):
        """Yield {name: array of one batch}; the last is filled up with zeros."""
        size = self.batch_size()
        for start in range(0, len(next(iter(arrays.values()))), size):
            batch = {name: np.asarray(value[start:start + size]) for name, value in arrays.items()}
            missing = size - len(next(iter(batch.values())))
            if missing:
                batch = {name: np.concatenate([v, np.zeros((missing, *v.shape[1:]), v.dtype)]) for name, v in batch.items()}
            yield batch

    def _check_keywords(self, given, names, what):
        unknown = [name for name in given if name not in names]
        if unknown:
            hint = nearest(unknown[0], names)
            raise SpecError(f"net '{self.name}' has no '{unknown[0]}' among its {what}{hint} (its {what}: {listed(names)})")
        missing = [name for name in names if name not in given]
        if missing:
            raise SpecError(f"net '{self.name}': got {listed(given)} of its {what}, expected {listed(missing)} too")


class LayerView:
    """One layer of a Net: `name`, `type` and `blobs`, its parameters."""

    def __init__(self, layer):
        self.name = layer.name
        self.type = layer.type
        self.blobs = [HostBlob(blob) for blob in layer.blobs]


class _Collected:
    """The results of several batches, joined along axis 0."""

    def __init__(self, batch_size, samples):
        self.batch_size = batch_size
        self.samples = samples
        self.parts = {}

    def add(self, arrays):
        for name, array in arrays.items():
            self.parts.setdefault(name, []).append(array.copy())

    def result(self):
        return {name: self._join(parts) for name, parts in self.parts.items()}

    def _join(self, parts):
        if parts[0].shape[:1] != (self.batch_size,):
            return np.stack(parts)
        return np.concatenate(parts)[: self.samples]


def _is_path(value):
    return isinstance(value, os.PathLike) or (isinstance(value, str) and value not in ("TRAIN", "TEST"))
