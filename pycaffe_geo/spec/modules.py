"""The modules of a network file: its own and those of the files it includes."""

import os
from dataclasses import dataclass

from pycaffe_geo.errors import listed, nearest
from pycaffe_geo.spec.definitions import Place
from pycaffe_geo.spec.node import Node, fail
from pycaffe_geo.spec.parse import parse
from pycaffe_geo.spec.source import similar_file
from pycaffe_geo.spec.typed import convert

NET_KEYS = ("name", "include", "modules", "layers", "layer", "force_backward", "debug_info", "state")
INSTANCE_KEYS = ("name", "module", "prefix", "bottom", "top", "repeat", "include", "exclude")
_MODULE_KEYS = ("params", "bottom", "top", "layers", "layer")


@dataclass(frozen=True)
class Module:
    """A named group of layers: parameters (a blank Node must be given), inner names of the blobs it takes and gives, layers."""

    name: str
    params: dict
    bottom: tuple
    top: tuple
    layers: list
    place: Place

    @property
    def where(self):
        return f"module '{self.name}'"


def collect_modules(root):
    """Return {name: Module} of a parsed network file and of the files it includes, at any depth."""
    file = root.place.file
    modules = {}
    _collect(root, file, modules, [os.path.abspath(file)], set())
    return modules


def _collect(root, file, modules, trail, done):
    for item in root.value.get("include", Node([])).items:
        _include(item, file, modules, trail, done)
    definitions = root.value.get("modules", Node(None))
    if definitions.value is None:
        return
    if not definitions.is_map:
        fail(definitions.place, f"modules: got {definitions.describe()}, expected a mapping of module names")
    for name, node in definitions.value.items():
        place = definitions.key_place(name)
        if name in modules:
            fail(place, f"the module '{name}' is already defined at {modules[name].place}")
        modules[name] = _module(name, node, place)


def _include(item, file, modules, trail, done):
    path = os.path.normpath(os.path.join(os.path.dirname(file), convert(str, item, "", "include")))
    absolute = os.path.abspath(path)
    if absolute in trail:
        chain = [os.path.relpath(p, os.path.dirname(absolute)) for p in [*trail[trail.index(absolute):], absolute]]
        fail(item.place, f"the file includes itself: {' -> '.join(chain)}")
    if absolute in done:
        return
    done.add(absolute)
    if not os.path.isfile(path):
        fail(item.place, f"include: no such file '{path}'{similar_file(path)}")
    root = parse(path)
    check_keys(root, ("name", "include", "modules"), "an included file", "; an included file brings modules only")
    _collect(root, path, modules, [*trail, absolute], done)


def _module(name, node, place):
    where = f"module '{name}'"
    if not node.is_map:
        fail(node.place, where, f"got {node.describe()}, expected a mapping with keys {listed(_MODULE_KEYS[:4])}")
    check_keys(node, _MODULE_KEYS, where)
    params = node.value.get("params", Node(None))
    if params.value is not None and not params.is_map:
        fail(params.place, where, f"params: got {params.describe()}, expected a mapping such as {{n: , k: 3}}")
    for param in params.value or {}:
        if param in (*INSTANCE_KEYS, "share", "type", "i") or not param.isidentifier():
            fail(params.key_place(param), where, f"'{param}' cannot be the name of a parameter; choose another")
    bottom, top = (_names(node, key, where) for key in ("bottom", "top"))
    module = Module(name, params.value or {}, bottom, top, layer_entries(node, where), place)
    both = set(module.bottom) & set(module.top)
    if both:
        fail(node.key_place("top"), where, f"top '{min(both)}' is also its bottom; let a layer give it a name of its own")
    return module


def _names(node, key, where):
    names = tuple(convert(str, item, where, key) for item in node.value.get(key, Node([])).items)
    if len(set(names)) < len(names):
        fail(node.key_place(key), where, f"{key}: a name stands twice in {listed(names)}")
    return names


def layer_entries(node, where=""):
    """Return the layer entries of a file or module: the list under `layers` (or `layer`)."""
    keys = [key for key in ("layers", "layer") if key in node.value]
    if len(keys) != 1:
        fail(node.place, where, "both `layers` and `layer` are there, expected one" if keys else "there are no `layers`")
    layers = node.value[keys[0]]
    if layers.value is None or not (layers.is_list or layers.is_map):
        fail(layers.place, where, f"{keys[0]}: got {layers.describe()}, expected a list of layers")
    for entry in layers.items:
        if not entry.is_map:
            expected = "expected a layer such as {name: relu1, type: ReLU, bottom: x}"
            fail(entry.place, where, f"{keys[0]}: got {entry.describe()}, {expected}")
    return layers.items


def check_keys(node, known, where="", hint=""):
    """Raise SpecError at the first key of the mapping `node` that is not one of `known`."""
    for key in node.value:
        if key not in known:
            place = node.key_place(key)
            fail(place, where, f"unknown key '{key}'{nearest(key, known)} (known: {listed(known, 40)}){hint}")
