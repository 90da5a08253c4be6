"""Layer: the base class of every layer, and the registry that finds a layer class by its type name."""

import importlib
import math
from dataclasses import dataclass

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.blob import Blob, Pool
from pycaffe_geo.errors import ShapeError, SpecError, nearest
from pycaffe_geo.fillers import fill

CHECK_EVERY = 100  # iterations between looks at values on a GPU: each look waits for the device

_TYPES = {}


@dataclass
class Clock:
    """What keys every random draw of a net beside the layer's name: the seed, the iteration and the iter_size step.

    counts is set while a GPU records an iteration: the device's array (iteration, step), from which kernels are to read both.
    """

    seed: int = 0
    iteration: int = 0
    step: int = 0
    counts: object = None


def register(cls=None, *, aliases=()):
    """Class decorator: make a Layer subclass known by its class name, and by each of `aliases`."""
    if cls is None:
        return lambda c: register(c, aliases=aliases)
    for name in (cls.__name__, *aliases):
        _TYPES[name] = cls
    return cls


def layer_types():
    """Return {type name: class} of every known layer."""
    importlib.import_module("pycaffe_geo.layers")  # its files register themselves
    return _TYPES


def layer_class(type_name):
    """Return the class registered as `type_name`; SpecError names the nearest type where there is none."""
    types = layer_types()
    if type_name not in types:
        raise SpecError(f"unknown layer type '{type_name}'{nearest(type_name, types)}")
    return types[type_name]


class Layer:
    """One step of a network on explicit arrays. Subclasses write `setup`, `reshape`, `forward` and `backward`.

    Class attributes a subclass may set:
        bottoms, tops   (least, most) numbers of bottom and top blobs; most None = no limit
        parameters      {"power_param": PowerParam}: the frozen dataclass of each key; `self.power_param` is its instance
        in_place        True where top may be bottom
        views           "diff" where a bottom's and the top's diff may be one buffer, "both" where the data may too (`pass_on`)
        accumulates     True where backward writes bottom diffs by `write_diff` alone, which can add
        is_loss         True where top[0] is a loss: its loss_weight is 1 unless the spec says otherwise
        is_data         True where the tops come from outside the net
        fixed_blobs     True where the layer moves its parameters itself and the solver must not (BatchNorm)
        on_host         True where the host looks at values in every forward: no GPU can record it (see backend.Recorder)
        always_reshape  True where reshape must run before every forward (Python layers)
        uses_top        "values" where backward reads the top's data, "sign" where it reads their sign: where a later layer
                        changes them in place, the Net saves them
        uses_bottom     False where backward reads no bottom's data, so that their memory may be used again before
        kept_input      a Blob to whose data forward copies the bottom's, because the layer works in place and backward needs them
        keeps_sign      True where an in-place forward never changes a sign (0 is allowed)
        rectifies       True where the layer has now a function forward_rectified, which is forward and then max(y, 0),
                        and uses no top in backward
        only_rectifies  True where forward is max(x, 0): in place, right after a layer that `rectifies`, the Net leaves it out
        half            "always" where the layer computes in float16 in a Net with float16 blobs, "follows" where it does so
                        among others (see net_half.py), "" where it never does
        loss_scale      what the diffs of float16 blobs are multiplied by
        no_gradient     bottoms (indices) that never receive a gradient: labels, targets, masks
    Instance attributes: name, type, phase, dtype, device, xp, clock, blobs (parameters), param_propagate_down, frozen,
    memory_limit (the net's, or None), pool (of scratch buffers, the net's: see `lend`).
    """

    bottoms = (1, 1)
    tops = (1, 1)
    parameters = {}
    in_place = False
    views = ""
    accumulates = False
    is_loss = False
    is_data = False
    fixed_blobs = False
    on_host = False
    always_reshape = False
    uses_top = ""
    uses_bottom = True
    kept_input = None
    keeps_sign = False
    rectifies = False
    only_rectifies = False
    no_gradient = ()
    half = ""
    loss_scale = 1.0
    memory_limit = None

    def __init_subclass__(cls, **options):
        super().__init_subclass__(**options)
        if "forward" in vars(cls) and "forward_rectified" not in vars(cls):  # what is inherited would not be this forward
            cls.rectifies = False

    def __init__(self, definition, phase="TRAIN", dtype=np.float32, device=CPU, clock=None):
        self.definition = definition
        self.name = definition.name
        self.type = definition.type
        self.phase = phase
        self.dtype = np.dtype(dtype)
        self.device = device
        self.xp = device.xp
        self.clock = clock or Clock()
        self.blobs = []
        self.param_propagate_down = []
        self.frozen = False
        self.adds = {}
        self.pool = Pool(device)
        for key, param_class in self.parameters.items():
            setattr(self, key, definition.parameters.get(key) or param_class())

    def setup(self, bottom, top):
        """Read parameters and create parameter blobs; called once."""

    def reshape(self, bottom, top):
        """Give every top its shape and size internal buffers; called at set-up and whenever a bottom's shape changes."""
        raise NotImplementedError(f"{type(self).__name__} has no reshape")

    def forward(self, bottom, top):
        """Compute `top[i].data` from `bottom[i].data`."""
        raise NotImplementedError(f"{type(self).__name__} has no forward")

    def backward(self, top, propagate_down, bottom):
        """Overwrite `bottom[i].diff` where `propagate_down[i]`, and add to parameter diffs, from `top[i].diff`."""

    @property
    def where(self):
        """The start of every message of this layer: place, name and type."""
        place = f"{self.definition.place}: " if self.definition.place else ""
        return f"{place}layer '{self.name}' ({self.type})"

    def expect(self, blob, *dims):
        """Return `blob.shape` if it fits `dims`, else raise ShapeError. A number must match, a name such as "N" is any size,
        a trailing `...` is any further axes."""
        open_end = bool(dims) and dims[-1] is ...
        wanted = dims[:-1] if open_end else dims
        shape = blob.shape
        same_length = len(shape) >= len(wanted) if open_end else len(shape) == len(wanted)
        if not same_length or any(isinstance(d, (int, np.integer)) and d != n for d, n in zip(wanted, shape)):
            text = ", ".join("..." if d is ... else str(d) for d in dims) + ("," if len(dims) == 1 and not open_end else "")
            raise ShapeError(f"{self.where}: bottom '{blob.name}' is {shape}, expected ({text})")
        return shape

    def add_blob(self, shape, filler):
        """Append a parameter blob of `shape`, filled by `filler` with draws keyed by seed, layer name and index."""
        index = len(self.blobs)
        blob = Blob(shape, np.promote_types(self.dtype, "float32"), self.device, f"{self.name}[{index}]", self.memory_limit)
        try:
            values = fill(filler, blob.shape, CPU.generator(self.clock.seed, self.name, "filler", index))
        except ValueError as e:
            raise SpecError(f"{self.where}: {e}") from e
        blob.data[...] = self.device.asarray(values.astype(blob.dtype))
        self.blobs.append(blob)
        self.param_propagate_down.append(True)
        return blob

    def check_memory(self, what, *shape):
        """Refuse `what`, a buffer of `shape` that is about to be made, where the net's memory limit cannot hold it."""
        if self.memory_limit:
            self.memory_limit.check(what, shape, math.prod(shape) * self.dtype.itemsize)

    def canonical_axis(self, axis, blob):
        """Return `axis` counted from 0 (negative counts from the end); ShapeError where `blob` has no such axis."""
        count = len(blob.shape)
        if not -count <= axis < count:
            raise ShapeError(f"{self.where}: axis {axis} does not exist in bottom '{blob.name}' of shape {blob.shape}")
        return axis % count

    def looks_now(self):
        """True where values may be looked at now: always on the CPU, now and then on a GPU, never while that records."""
        return self.device.index is None or (self.clock.iteration % CHECK_EVERY == 0 and self.clock.counts is None)

    def lend(self, shape, dtype=None):
        """Return a buffer of `shape` and the layer's dtype (or `dtype`), with any values, until the next layer runs."""
        return self.pool.get(shape, dtype or self.dtype)

    def random(self, *key):
        """Return a Generator on this layer's device, keyed by (seed, layer name, iteration, iter_size step, *key)."""
        return self.device.generator(self.clock.seed, self.name, self.clock.iteration, self.clock.step, *key)

    def pass_on(self, source, target):
        """Copy the array `source` to `target` unless the Net made them one buffer (see `views`)."""
        if not self.xp.may_share_memory(source, target):
            target[...] = source.reshape(target.shape)

    def write_diff(self, bottom, i, value):
        """Write `value` to `bottom[i].diff`, or add it where the Net asks for a sum (see `accumulates`)."""
        diff = bottom[i].diff
        if self.adds.get(i):
            diff += value
        else:
            diff[...] = value
