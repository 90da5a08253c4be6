"""Modules, repeats and shares written out: a network file's Node to the Nodes of its flat layers.

Inside a module a blob or layer x becomes <instance>_x (<prefix>_x, or x where `prefix: ""`); its bottoms and tops are the blobs
outside. `share` gives each layer of the copy the key `share: <layer it takes its parameters from>`.
"""

import re
from dataclasses import dataclass, field, replace

from pycaffe_geo.errors import SpecError, listed, nearest
from pycaffe_geo.layer import layer_class
from pycaffe_geo.spec.arithmetic import evaluate
from pycaffe_geo.spec.modules import INSTANCE_KEYS, check_keys, collect_modules, layer_entries
from pycaffe_geo.spec.node import Node, as_node, fail
from pycaffe_geo.spec.typed import convert, number

MAX_LAYERS = 20_000
MAX_VALUES = 2_000_000
_MAX_NAME = 500
_MAX_NESTING = 30
_PARAMETER = re.compile(r"\$([A-Za-z_]\w*)")
_SHARE_KEYS = ("name", "share", "bottom", "top", "include", "exclude")


def expand(root):
    """Return the flat layers of a parsed network file as mapping Nodes; SpecError says what cannot be written out."""
    return _Expansion(collect_modules(root)).entries(layer_entries(root), _Scope())


@dataclass(frozen=True)
class _Scope:
    """Where entries are written out: parameter values, name prefix, {inner blob: outer blob}, and the modules it is inside of."""

    values: dict = field(default_factory=dict)
    prefix: str = ""
    blobs: dict = field(default_factory=dict)
    trail: tuple = ()

    def join(self, name):
        return f"{self.prefix}_{name}" if self.prefix else name

    def blob(self, name):
        return self.blobs.get(name) or self.join(name)

    def numbered(self, i):
        return replace(self, values={**self.values, "i": Node(i)})


class _Expansion:
    def __init__(self, modules):
        self.modules = modules
        self.count = 0
        self.value_count = 0

    def entries(self, entries, scope):
        """Return the flat layers of a list of entries. `done` holds {entry name: (entry, its flat layers)} for `share`."""
        done, flat = {}, []
        for entry in entries:
            name = self.name(entry, scope)
            if "share" in entry.value and "type" not in entry.value:
                entry, layers = self.shared(entry, name, scope, done)
            else:
                layers = self.repeated(entry, name, scope)
            done[name] = (entry, layers)
            flat += layers
        return flat

    def name(self, entry, scope):
        if "name" not in entry.value:
            fail(entry.place, "a layer without a `name`")
        node = self.substitute(entry.value["name"], scope)
        name = convert(str, node, "", "name")
        if not name or len(scope.join(name)) > _MAX_NAME:
            fail(node.place, f"name: expected 1 to {_MAX_NAME} characters, got {len(scope.join(name))}")
        return name

    # ---- share and repeat

    def shared(self, entry, name, scope, done):
        """Return the owner's entry under this name and bottom, and its layers, which use the parameters of the owner's."""
        where = f"'{name}'"
        check_keys(entry, _SHARE_KEYS, where, "; the rest is the shared layer's")
        node = self.substitute(entry.value["share"], scope)
        owner_name = convert(str, node, where, "share")
        if owner_name not in done:
            hint = nearest(owner_name, done)
            fail(node.place, where, f"share: no layer or module instance '{owner_name}' stands before it{hint}")
        owner, owner_layers = done[owner_name]
        if "bottom" in owner.value and "bottom" not in entry.value:
            fail(entry.place, where, f"share: expected a `bottom` of its own, as '{owner_name}' has one")
        kept = {key: value for key, value in owner.value.items() if key not in ("name", "prefix", "bottom", "top")}
        values = {**kept, **{key: value for key, value in entry.value.items() if key != "share"}}
        copy = Node(values, entry.place, keys={**owner.keys, **entry.keys})
        layers = self.repeated(copy, name, scope)
        return copy, [_with(layer, share=_owner(first)) for layer, first in zip(layers, owner_layers, strict=True)]

    def repeated(self, entry, name, scope):
        """Return the layers of an entry; `repeat: n` makes a chain name_0 .. name_(n-1) whose last result is `name`."""
        if "repeat" not in entry.value:
            return self.instance(entry, name, scope)
        count = convert(int, self.substitute(entry.value["repeat"], scope), f"'{name}'", "repeat")
        if not 1 <= count <= MAX_LAYERS:
            fail(entry.value["repeat"].place, f"'{name}'", f"repeat: got {count}, expected 1 to {MAX_LAYERS}")
        bottoms, layers = self.names(entry, "bottom", scope), []
        for i in range(count):
            one = _with(entry, bottom=bottoms) if "bottom" in entry.value else entry
            if i < count - 1:
                one = _without(one, "top")
            numbered = scope.numbered(i)
            tops = self.tops(one, name if i == count - 1 else f"{name}_{i}", numbered)
            layers += self.instance(_with(one, top=tops), f"{name}_{i}", numbered, index=i)
            if len(tops) > len(bottoms):
                got = f"{len(tops)} result(s) cannot feed {len(bottoms)} bottom(s) of the next one"
                fail(entry.place, f"'{name}'", f"repeat: {got}")
            bottoms = tops + bottoms[len(tops):]
        return layers

    def instance(self, entry, name, scope, index=0):
        self.count += 1
        if self.count > MAX_LAYERS:
            fail(entry.place, f"the network expands to more than {MAX_LAYERS} layers")
        if "module" in entry.value:
            return self.module(entry, name, scope, index)
        return [self.layer(entry, name, scope)]

    # ---- one layer

    def layer(self, entry, name, scope):
        self.type(entry, name, scope)
        keep = _without(entry, "repeat", "name", "bottom", "top")
        values = dict(self.substitute(keep, scope).value)
        values["name"] = Node(scope.join(name), entry.value["name"].place)
        if "bottom" in entry.value:
            values["bottom"] = self.mapped(entry, "bottom", scope)
        tops = self.tops(entry, name, scope)
        if tops or "top" in entry.value:
            values["top"] = _nodes([scope.blob(t) for t in tops], entry.key_place("top"))
        if "share" in values:
            owner = convert(str, values["share"], f"layer '{name}'", "share")
            values["share"] = Node(scope.join(owner), values["share"].place)
        return Node(values, entry.place, keys=entry.keys)

    def names(self, entry, key, scope):
        return [convert(str, n, f"'{entry.value['name'].value}'", key) for n in self.wires(entry, key, scope)]

    def mapped(self, entry, key, scope):
        """Return the list Node of the blobs under `key`, by their names outside, each with its place."""
        nodes = self.wires(entry, key, scope)
        items = [Node(scope.blob(name), n.place) for name, n in zip(self.names(entry, key, scope), nodes)]
        return Node(items, entry.value[key].place)

    def wires(self, entry, key, scope):
        return self.substitute(entry.value.get(key, Node([])), scope).items

    def tops(self, entry, name, scope):
        """Return the inner names of an entry's results: as given, else its name (for several of a module: name_x)."""
        if "top" in entry.value:
            return self.names(entry, "top", scope)
        if "module" in entry.value:
            inner = self.find_module(entry, name, scope).top
            return [name] if len(inner) == 1 else [f"{name}_{t}" for t in inner]
        return [name] if self.type(entry, name, scope).tops[0] == 1 else []

    def type(self, entry, name, scope):
        where = f"layer '{scope.join(name)}'"
        if "type" not in entry.value:
            fail(entry.place, where, "expected a `type`, a `module` or a `share`")
        node = self.substitute(entry.value["type"], scope)
        name = convert(str, node, where, "type")
        try:
            return layer_class(name)
        except SpecError as e:
            fail(node.place, where, e)

    # ---- one module instance

    def find_module(self, entry, name, scope):
        node = self.substitute(entry.value["module"], scope)
        module = convert(str, node, f"'{name}'", "module")
        if module not in self.modules:
            hint = f"{nearest(module, self.modules)} (known: {listed(self.modules)})"
            fail(node.place, f"'{name}'", f"unknown module '{module}'{hint}")
        return self.modules[module]

    def module(self, entry, name, scope, index):
        module = self.find_module(entry, name, scope)
        where = f"'{scope.join(name)}' (module '{module.name}')"
        if module.name in scope.trail:
            chain = [*scope.trail[scope.trail.index(module.name):], module.name]
            fail(entry.place, where, f"the module contains itself: {' -> '.join(chain)}")
        if len(scope.trail) >= _MAX_NESTING:
            fail(entry.place, where, f"modules stand inside each other more than {_MAX_NESTING} levels deep")
        check_keys(entry, (*module.params, *INSTANCE_KEYS), where)
        values = self.arguments(entry, module, scope, where)
        wires = [self.blobs(entry, key, module, name, scope, where) for key in ("bottom", "top")]
        prefix = self.prefix(entry, name, scope)
        inner = _Scope({**values, "i": Node(index)}, prefix, {**wires[0], **wires[1]}, (*scope.trail, module.name))
        layers = self.entries(module.layers, inner)
        _check_inside(layers, module, inner, where)
        return [_pass_rules(layer, self.substitute(_rules(entry), scope), where) for layer in layers]

    def prefix(self, entry, name, scope):
        """Return what the names inside a module instance begin with: its `prefix`, which may be empty, else its name."""
        if "prefix" not in entry.value:
            return scope.join(name)
        prefix = convert(str, self.substitute(entry.value["prefix"], scope), f"'{name}'", "prefix")
        return scope.join(prefix) if prefix else scope.prefix

    def arguments(self, entry, module, scope, where):
        """Return {parameter: Node}: as given by the instance (in its scope), else the default (which may use earlier ones)."""
        values = {}
        for param, default in module.params.items():
            if param in entry.value:
                values[param] = self.substitute(entry.value[param], scope)
            else:
                values[param] = self.substitute(default, _Scope(values))
            if values[param].value is None:
                fail(entry.key_place(param), where, f"the parameter '{param}' must be given")
        return values

    def blobs(self, entry, key, module, name, scope, where):
        """Return {inner name: outer name} of the module's bottoms or tops."""
        inner = getattr(module, key)
        outer = self.names(entry, "bottom", scope) if key == "bottom" else self.tops(entry, name, scope)
        if len(inner) != len(outer):
            names = f" ({', '.join(inner)})" if inner else ""
            fail(entry.key_place(key), where, f"got {len(outer)} {key}(s), expected {len(inner)}{names}")
        return {i: scope.blob(o) for i, o in zip(inner, outer)}

    # ---- $n and $(...)

    def substitute(self, node, scope):
        """Return `node` with each `$n` replaced by the parameter's value and each `$(...)` by its result."""
        self.value_count += 1
        if self.value_count > MAX_VALUES:
            fail(node.place, f"the network expands to more than {MAX_VALUES} values")
        if node.is_map:
            return replace(node, value={k: self.substitute(v, scope) for k, v in node.value.items()})
        if node.is_list:
            return replace(node, value=[self.substitute(v, scope) for v in node.value])
        if not node.plain or not isinstance(node.value, str) or "$" not in node.value:
            return node
        return _replaced(node, scope.values)


def _replaced(node, values):
    text = node.value
    name = _PARAMETER.fullmatch(text)
    if name:
        return _value(name.group(1), values, node)
    if not (text.startswith("$(") and text.endswith(")")):
        fail(node.place, f"got '{text}', expected a parameter $n or arithmetic $(...) alone; put other text with a $ into quotes")
    try:
        return Node(evaluate(text[2:-1], lambda name: _number(name, values, node)), node.place)
    except ValueError as e:
        fail(node.place, f"'{text}'", e)


def _value(name, values, node):
    if name not in values:
        fail(node.place, f"unknown parameter '${name}'{nearest(name, values)} (known here: {listed(values)})")
    return values[name]


def _number(name, values, node):
    given = _value(name, values, node)
    value = number(given)
    if value is None:
        given_at = f" (given at {given.place})" if given.place else ""
        fail(node.place, f"'{node.value}'", f"the parameter '{name}' is {given.describe()}{given_at}, expected a number")
    return value


def _check_inside(layers, module, scope, where):
    """Every blob read inside a module is handed in or made inside, and every top it promises is made."""
    made = {t.value for layer in layers for t in layer.value.get("top", Node([])).items}
    for top in module.top:
        if scope.blobs[top] not in made:
            fail(module.place, where, f"no layer of the module makes its top '{top}'")
    handed_in = {scope.blobs[b] for b in module.bottom}
    for layer in layers:
        for bottom in layer.value.get("bottom", Node([])).items:
            if bottom.value not in made and bottom.value not in handed_in:
                inner = bottom.value.removeprefix(f"{scope.prefix}_")
                known = [*module.bottom, *(m.removeprefix(f"{scope.prefix}_") for m in sorted(made))]
                hint = f"{nearest(inner, known)}; blobs from outside come in by the module's `bottom`"
                fail(bottom.place, where, f"no layer of the module makes the blob '{inner}'{hint}")


def _rules(entry):
    return _without(entry, *(key for key in entry.value if key not in ("include", "exclude")))


def _pass_rules(layer, rules, where):
    """Return `layer` with the include / exclude rules of the module instance it comes from."""
    if not rules.value:
        return layer
    for key in ("include", "exclude"):
        if key in layer.value:
            name = layer.value["name"].value
            problem = f"{key}: its module instance {where} has rules too, expected one of both"
            fail(layer.key_place(key), f"layer '{name}'", problem)
    return Node({**layer.value, **rules.value}, layer.place, keys={**layer.keys, **rules.keys})


def _owner(layer):
    return (layer.value.get("share") or layer.value["name"]).value


def _with(entry, **values):
    changed = {key: _nodes(v, entry.key_place(key)) if isinstance(v, list) else as_node(v) for key, v in values.items()}
    return replace(entry, value={**entry.value, **changed})


def _without(entry, *keys):
    return replace(entry, value={key: v for key, v in entry.value.items() if key not in keys})


def _nodes(names, place):
    return Node([Node(name, place, plain=False) for name in names], place)
