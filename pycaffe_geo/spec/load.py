"""Network and solver files to NetDef and SolverDef."""

import logging
import os
from dataclasses import replace

from pycaffe_geo.errors import listed, nearest
from pycaffe_geo.layer import layer_class, layer_types
from pycaffe_geo.spec.definitions import TRAIN, LayerDef, NetDef, ParamSpec, SolverDef
from pycaffe_geo.spec.expand import expand
from pycaffe_geo.spec.modules import NET_KEYS, check_keys
from pycaffe_geo.spec.node import Node, fail
from pycaffe_geo.spec.override import override
from pycaffe_geo.spec.parse import PROTOTXT, parse
from pycaffe_geo.spec.source import similar_file
from pycaffe_geo.spec.typed import build, convert, fields_of
from pycaffe_geo.spec.upgrade import INLINE_NETS

log = logging.getLogger(__name__)

LAYER_KEYS = ("name", "type", "bottom", "top", "loss_weight", "param", "propagate_down", "include", "exclude", "phase", "share")


def load_net(path, text=None, overrides=()):
    """Return the flat NetDef of the network file at `path`, or of `text`, which `path` then only names.

    The file is YAML, or prototxt where `path` ends so. overrides: texts such as "conv1.convolution_param.num_output=3".
    SpecError says file, line and column of what cannot be used.
    """
    root = parse(path, text)
    if "net" in root.value or "base_lr" in root.value:
        fail(root.place, "this is a solver, expected a network")
    return override(net_from_node(root), overrides)


_NET_FIELDS = fields_of(NetDef)
_NET_HEAD = ("name", "force_backward", "debug_info", "state")
_LAYER_FIELDS = fields_of(LayerDef)


def net_from_node(root):
    """Return the NetDef of the mapping Node of a network; each layer has a place."""
    check_keys(root, NET_KEYS)
    layers = _with_owners([_layer(node) for node in expand(root)])
    _check_names(layers)
    head = {key: convert(_NET_FIELDS[key][1], root.value[key], "", key) for key in root.value if key in _NET_HEAD}
    return NetDef(layers=layers, file=root.place.file, **head)


def _layer(node):
    """Return the LayerDef of a flat layer's Node. `parameters` holds every key of its class, by default where not given."""
    name, type_name = (convert(str, node.value[key]) for key in ("name", "type"))
    where = f"layer '{name}' ({type_name})"
    known = layer_class(type_name).parameters
    if node.place.file.endswith(PROTOTXT):
        node = _without_unread(node, known, where)
    check_keys(node, (*LAYER_KEYS, *known), where)
    if "include" in node.value and "exclude" in node.value:
        fail(node.key_place("exclude"), where, "got include and exclude rules, expected one of both")
    common = {key: convert(_LAYER_FIELDS[key][1], node.value[key], where, key) for key in LAYER_KEYS if key in node.value}
    parameters = {key: convert(cls, node.value.get(key, Node(None, node.place)), where, key) for key, cls in known.items()}
    if len(common.get("loss_weight", ())) not in (0, len(common.get("top", ()))):
        got, tops = len(common["loss_weight"]), len(common.get("top", ()))
        fail(node.key_place("loss_weight"), where, f"loss_weight: got {got} number(s), expected one for each of {tops} top(s)")
    return LayerDef(**common, parameters=parameters, place=node.place)


def _without_unread(node, known, where):
    """Return a prototxt layer without parameters of other types of layers: Caffe never looks at them, so nor do we."""
    others = {key for cls in layer_types().values() for key in cls.parameters} - {*known, *LAYER_KEYS}
    for key in sorted(others & set(node.value)):
        log.warning("%s: %s: %s is left out: a layer of this type does not read it", node.key_place(key), where, key)
    return replace(node, value={key: value for key, value in node.value.items() if key not in others})


def _with_owners(layers):
    """Return the layers with each `share` followed to the first owner, whose parameter names the sharer takes over."""
    known, result = {}, []
    for layer in layers:
        if layer.share:
            where = f"layer '{layer.name}' ({layer.type})"
            if layer.share not in known:
                fail(layer.place, where, f"share: no layer '{layer.share}' stands before it{nearest(layer.share, known)}")
            owner = known[layer.share]
            layer = replace(layer, share=owner.share or owner.name, param=_named(layer.param, owner.param))
        known[layer.name] = layer
        result.append(layer)
    return tuple(result)


def _named(specs, owner_specs):
    specs = specs + tuple(ParamSpec() for _ in owner_specs[len(specs):])
    return tuple(s if s.name or j >= len(owner_specs) else replace(s, name=owner_specs[j].name) for j, s in enumerate(specs))


def _check_names(layers):
    """Two layers of one name may stand in a file only where rules can keep them apart (then the wiring is checked by phase)."""
    first = {}
    for layer in layers:
        other = first.setdefault(layer.name, layer)
        if other is not layer and not any((layer.include, layer.exclude, other.include, other.exclude)):
            where = f"layer '{layer.name}' ({layer.type})"
            fail(layer.place, where, f"the name '{layer.name}' is already taken at {other.place}")


def load_solver(path, text=None, overrides=()):
    """Return the SolverDef of the solver file at `path`, or of `text`, which `path` then only names.

    Paths in it (net, train_net, test_net, weights) are tried as given, from the current directory, then beside the solver file;
    the SolverDef holds the path that exists. overrides: texts such as "base_lr=0.01".
    """
    root = _default_train_phase(parse(path, text))
    if "layers" in root.value or "layer" in root.value:
        fail(root.place, "this is a network, expected a solver")
    known = [key for key in fields_of(SolverDef) if key != "file"]
    check_keys(root, [*known, *INLINE_NETS])
    files = replace(root, value={key: node for key, node in root.value.items() if key not in INLINE_NETS})
    solver = replace(build(SolverDef, files), file=os.fspath(path))
    return _with_nets(_resolve_paths(override(solver, overrides), root), root)


def _default_train_phase(root):
    """Return `root` with the phase TRAIN in a `train_state` that has none, as in Caffe; the type's own default is TEST."""
    state = root.value.get("train_state", Node(None))
    if not state.is_map or "phase" in state.value:
        return root
    state = replace(state, value={**state.value, "phase": Node(TRAIN, state.place)})
    return replace(root, value={**root.value, "train_state": state})


def _resolve_paths(solver, root):
    found = {}
    for key in ("net", "train_net", "test_net"):
        value = getattr(solver, key)
        given = (value,) if isinstance(value, str) else value
        paths = [_existing(p, solver.file, root.key_place(key), key) for p in given if p]
        found[key] = tuple(paths) if isinstance(value, tuple) else "".join(paths)
    weights = tuple(_beside(p, solver.file) or p for p in solver.weights)
    return replace(solver, **found, weights=weights)


def _with_nets(solver, root):
    """Return the SolverDef with the networks that stand inside the file (`net_param`, ...) as NetDefs in the place of paths."""
    trains = [key for key in ("net", "train_net") if getattr(solver, key)]
    trains += [key for key in ("net_param", "train_net_param") if key in root.value]
    if len(trains) != 1:
        got = "both " + " and ".join(f"`{key}`" for key in trains) if trains else "neither `net` nor `train_net`"
        fail(root.place, f"got {got}, expected one of them: the network to train")
    found = {key: [_inline(node, key) for node in root.value[key].items] for key in INLINE_NETS if key in root.value}
    tests = tuple(found.pop("test_net_param", ()))
    single = {key.removesuffix("_param"): nets[0] for key, nets in found.items() if len(nets) == 1}
    for key in found:
        if len(found[key]) != 1:
            fail(root.key_place(key), f"{key}: got {len(found[key])} networks, expected one")
    return replace(solver, **single, test_net=tests + solver.test_net)


def _inline(node, key):
    if not node.is_map:
        fail(node.place, key, f"got {node.describe()}, expected a network")
    return net_from_node(node)


def _beside(path, solver_file):
    """Return `path` if it exists, else the path beside the solver file if that exists, else None."""
    beside = os.path.normpath(os.path.join(os.path.dirname(solver_file), path))
    return next((p for p in (path, beside) if os.path.exists(p)), None)


def _existing(path, solver_file, place, key):
    found = _beside(path, solver_file)
    if found:
        return found
    beside = os.path.normpath(os.path.join(os.path.dirname(solver_file), path))
    fail(place, key, f"no such file{similar_file(path) or similar_file(beside)} (tried {listed(dict.fromkeys((path, beside)))})")
