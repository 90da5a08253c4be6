"""Changes from the command line: `--set base_lr=0.01`."""

import dataclasses
import typing

from pycaffe_geo.errors import SpecError, listed, nearest
from pycaffe_geo.spec.definitions import LayerDef, NetDef, SolverDef
from pycaffe_geo.spec.node import Node
from pycaffe_geo.spec.read_yaml import read_yaml
from pycaffe_geo.spec.typed import convert, fields_of

_FIXED = {SolverDef: ("file",), NetDef: ("file", "layers"), LayerDef: ("name", "type", "parameters", "place")}


def override(definition, assignments):
    """Return a SolverDef or NetDef changed by texts such as "base_lr=0.01", "stepvalue=[10, 20]" or, for a network,
    "conv1.convolution_param.num_output=3" and "loss.loss_weight=0.5". SpecError names a wrong key or value."""
    for text in assignments:
        key, sign, value = text.partition("=")
        where = f"--set {text}"
        if not sign or not key:
            raise SpecError(f"{where}: expected key=value, such as base_lr=0.01")
        definition = _set(definition, key.strip(), _value(value, where), where)
    return definition


def _value(text, where):
    try:
        return _unplaced(read_yaml(f"value: {text}" if text.strip() else "value:", where).value["value"])
    except SpecError:
        raise SpecError(f"{where}: '{text}' is no YAML value; put text with brackets, braces or colons into quotes") from None


def _unplaced(node):
    """Return `node` without places: a place within one word of the command line would only confuse."""
    if node.is_map:
        return Node({key: _unplaced(v) for key, v in node.value.items()})
    return Node([_unplaced(v) for v in node.value]) if node.is_list else Node(node.value, plain=node.plain)


def _set(definition, key, node, where):
    if isinstance(definition, NetDef):
        return _set_in_net(definition, key, node, where)
    return _set_field(definition, key.split("."), node, where)


def _set_in_net(net, key, node, where):
    """Layer names may hold dots, so the longest layer name that `key` begins with counts."""
    names = [layer.name for layer in net.layers if key.startswith(f"{layer.name}.")]
    if not names:
        if "." not in key:
            return _set_field(net, [key], node, where)
        known = [layer.name for layer in net.layers]
        raise SpecError(f"{where}: no layer '{key.split('.')[0]}'{nearest(key.split('.')[0], known)} (layers: {listed(known)})")
    name = max(names, key=len)
    path = key[len(name) + 1:].split(".")
    layers = tuple(_set_in_layer(layer, path, node, where) if layer.name == name else layer for layer in net.layers)
    return dataclasses.replace(net, layers=layers)


def _set_in_layer(layer, path, node, where):
    if path[0] not in layer.parameters:
        return _set_field(layer, path, node, where, layer.parameters)
    old = layer.parameters[path[0]]
    new = _set_field(old, path[1:], node, where) if len(path) > 1 else convert(type(old), node, where, path[0])
    return dataclasses.replace(layer, parameters={**layer.parameters, path[0]: new})


def _set_field(obj, path, node, where, more=()):
    fields = {key: value for key, value in fields_of(type(obj)).items() if key not in _FIXED.get(type(obj), ())}
    if path[0] not in fields:
        known = [*fields, *more]
        raise SpecError(f"{where}: unknown key '{path[0]}'{nearest(path[0], known)} (known: {listed(known, 60)})")
    name, kind = fields[path[0]]
    if len(path) == 1:
        value = convert(kind, node, where)
    else:
        value = _set_inside(getattr(obj, name), kind, path, node, where)
    try:
        return dataclasses.replace(obj, **{name: value})
    except ValueError as e:
        raise SpecError(f"{where}: {e}") from None


def _set_inside(value, kind, path, node, where):
    if not dataclasses.is_dataclass(value):
        expected = "a list" if typing.get_origin(kind) is tuple else "a single value"
        raise SpecError(f"{where}: '{path[0]}' is {expected}, it has no key '{path[1]}'")
    return _set_field(value, path[1:], node, where)
