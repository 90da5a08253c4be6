"""NetSpec: networks written in Python, as pycaffe has it.

    n = NetSpec()
    n.data, n.label = L.HDF5Data(source="train.txt", batch_size=64, ntop=2)
    n.ip = L.InnerProduct(n.data, num_output=10, weight_filler=dict(type="xavier"))
    n.relu = L.ReLU(n.ip, in_place=True)
    n.loss = L.SoftmaxWithLoss(n.relu, n.label)
    print(n.to_proto())              # prototxt;  n.to_yaml() gives YAML

A keyword goes to the parameter of the layer's own type (inner_product_param) where that has such a field, else to the layer;
one that ends in `param` is the layer's own key. Mistakes are told with the line of the script that made the layer.
"""

import sys
from collections import Counter, OrderedDict
from dataclasses import is_dataclass, replace
from typing import Literal, get_args, get_origin

import numpy as np

from pycaffe_geo.errors import SpecError, listed, nearest
from pycaffe_geo.families.user_layers import Phase
from pycaffe_geo.layer import layer_class, layer_types
from pycaffe_geo.spec import Place, to_yaml
from pycaffe_geo.spec.load import LAYER_KEYS, net_from_node
from pycaffe_geo.spec.node import Node, fail
from pycaffe_geo.spec.typed import fields_of
from pycaffe_geo.spec.write_prototxt import to_prototxt


class Top:
    """One output blob of a Function."""

    def __init__(self, fn, n):
        self.fn = fn
        self.n = n

    def to_proto(self):
        """Return the network that computes this blob."""
        return to_proto(self)


class Function:
    """One layer: its type, its inputs (Tops), its `ntop` outputs and its parameters."""

    def __init__(self, type_name, inputs, params, place=None):
        for i, value in enumerate(inputs):
            if not isinstance(value, Top):
                raise TypeError(f"{type_name} input {i} is a {type(value).__name__}, expected a Top, such as another layer gives")
        self.type_name = type_name
        self.inputs = inputs
        self.params = dict(params)
        self.ntop = self.params.pop("ntop", 1)
        self.in_place = self.params.pop("in_place", False)
        if self.in_place and (len(inputs), self.ntop) != (1, 1):
            raise TypeError(f"{type_name} in place has {len(inputs)} input(s) and {self.ntop} top(s), expected 1 and 1")
        self.place = place
        self.tops = tuple(Top(self, n) for n in range(self.ntop))

    def to_proto(self):
        """Return the network up to this layer."""
        return to_proto(self)


class NetSpec:
    """A network by its named tops: `n.conv1 = L.Convolution(...)` names the blob and its layer conv1."""

    def __init__(self):
        super().__setattr__("tops", OrderedDict())

    def __setattr__(self, name, value):
        if not isinstance(value, (Top, Function)):
            hint = "; with ntop=2, write n.a, n.b = L..." if isinstance(value, tuple) else ""
            raise TypeError(f"n.{name}: got a {type(value).__name__}, expected what L.SomeLayer(...) gives{hint}")
        self.tops[name] = value

    def __getattr__(self, name):
        if name.startswith("__") or name not in self.tops:
            raise AttributeError(f"the NetSpec has no '{name}'{nearest(name, self.tops)} (it has {listed(self.tops)})")
        return self.tops[name]

    def __delattr__(self, name):
        del self.tops[name]

    __setitem__ = __setattr__
    __getitem__ = __getattr__
    __delitem__ = __delattr__

    def to_proto(self):
        """Return the network as a NetParameter; its str() is prototxt."""
        return _write(self.tops.values(), {top: name for name, top in self.tops.items()})

    def to_yaml(self):
        """Return the network as YAML."""
        return self.to_proto().to_yaml()


class NetParameter:
    """A network that NetSpec made: `str()` is its prototxt, `to_yaml()` its YAML, `definition` its NetDef."""

    def __init__(self, definition):
        self.definition = definition

    layer = property(lambda self: list(self.definition.layers), doc="The LayerDefs.")

    @property
    def name(self):
        """The network's name, which may be assigned."""
        return self.definition.name

    @name.setter
    def name(self, value):
        self.definition = replace(self.definition, name=value)

    @property
    def force_backward(self):
        """Whether backward computes the diffs of inputs too; may be assigned."""
        return self.definition.force_backward

    @force_backward.setter
    def force_backward(self, value):
        self.definition = replace(self.definition, force_backward=bool(value))

    def __str__(self):
        return to_prototxt(self.definition)

    def to_yaml(self):
        """Return the network as YAML."""
        return to_yaml(self.definition)


def to_proto(*tops):
    """Return the network that computes the tops, with names such as Convolution1 for what has none."""
    return _write(tops, {})


def _write(outputs, names):
    writer = _Writer(names)
    for output in outputs:
        writer.add(output if isinstance(output, Function) else output.fn)
    nodes = list(writer.nodes.values())
    return NetParameter(replace(net_from_node(Node({"layers": Node(nodes)}, Place("NetSpec"))), file=""))


class _Writer:
    """Names the tops and layers and turns them into Nodes, each after the layers it reads."""

    def __init__(self, names):
        self.names = names
        self.counts = Counter()
        self.nodes = {}
        self.top_names = {}

    def add(self, fn):
        waiting = [fn]
        while waiting:  # no recursion: a chain may be longer than Python's stack
            at = waiting[-1]
            missing = [top.fn for top in at.inputs if top.fn not in self.nodes]
            waiting += reversed(missing)
            if not missing:
                waiting.pop()
                if at not in self.nodes:
                    self._write(at)

    def _write(self, fn):
        bottom = [self.top_names[top] for top in fn.inputs]
        name = self._name(fn.tops[0] if fn.tops else fn, fn)
        top = bottom if fn.in_place else [self._name(t, fn) for t in fn.tops]
        self.top_names.update(zip(fn.tops, top))
        values = {"name": name, "type": fn.type_name, "bottom": bottom, "top": top, **_layer_keys(fn)}
        self.nodes[fn] = _node({key: value for key, value in values.items() if value != []}, fn.place)

    def _name(self, item, fn):
        if item not in self.names:
            self.counts[fn.type_name] += 1
            self.names[item] = f"{fn.type_name}{self.counts[fn.type_name]}"
        return self.names[item]


def _layer_keys(fn):
    """Return the layer's keys from the keywords of a Function."""
    try:
        parameters = layer_class(fn.type_name).parameters
    except SpecError as e:
        fail(fn.place, e)
    own = sorted(parameters, key=lambda key: not _is_named(key, fn.type_name))  # stable: that of the type's own name first
    values = {}
    for key, value in fn.params.items():
        home = next((k for k in own if key in fields_of(parameters[k])), None)
        if key.endswith("param") or (home is None and (key in LAYER_KEYS or not own)):
            values[key] = value
        else:
            values.setdefault(home or own[0], {})[key] = value
    return values


def _is_named(key, type_name):
    """Whether `key`, such as inner_product_param, is that of the type InnerProduct."""
    return key.removesuffix("_param").replace("_", "") == type_name.lower()


def _node(value, place):
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        items = {key: str(Phase(v)) if key == "phase" and v in (0, 1) else v for key, v in value.items()}
        return Node({key: _node(v, place) for key, v in items.items()}, place)
    if isinstance(value, (list, tuple)):
        return Node([_node(v, place) for v in value], place)
    if isinstance(value, np.generic):
        value = value.item()
    return Node(value, place, plain=not isinstance(value, str))


class _Layers:
    """`layers`: L.Convolution(bottom, ..., num_output=2) makes a layer of that type and returns its Top (tops where ntop=2)."""

    def __getattr__(self, type_name):
        if type_name.startswith("_"):
            raise AttributeError(type_name)

        def make(*inputs, **params):
            caller = sys._getframe(1)
            fn = Function(type_name, inputs, params, Place(caller.f_code.co_filename, caller.f_lineno))
            return fn if fn.ntop == 0 else fn.tops[0] if fn.ntop == 1 else fn.tops

        return make


class _Params:
    """`params`: P.Pooling.MAX is the value MAX of pooling_param's choices."""

    def __getattr__(self, name):
        choices = _choices().get(name)
        if choices is None:
            raise AttributeError(f"P.{name}: no parameter with choices has this name{nearest(name, _choices())}")
        return _Choices(name, choices)


class _Choices:
    def __init__(self, name, choices):
        self._name = name
        self._values = choices

    def __getattr__(self, value):
        if value not in self._values:
            raise AttributeError(f"P.{self._name}.{value}: expected one of {listed(self._values)}{nearest(value, self._values)}")
        return value


def _choices():
    """Return {parameter such as Pooling: [all choices of its fields]} of the parameters that have any."""
    found, waiting = {}, [cls for layer in layer_types().values() for cls in layer.parameters.values()]
    seen = set()
    while waiting:
        cls = waiting.pop()
        if cls in seen:
            continue
        seen.add(cls)
        for _, kind in fields_of(cls).values():
            parts = [kind, *get_args(kind)]
            waiting += [part for part in parts if is_dataclass(part)]
            for part in parts:
                if get_origin(part) is Literal:
                    found.setdefault(cls.__name__.removesuffix("Param"), []).extend(get_args(part))
    return found


layers = _Layers()
params = _Params()
