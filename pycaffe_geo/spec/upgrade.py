"""Older forms of Caffe's prototxt in today's: Node to Node, as Caffe's own upgrade does on reading.

The header `input:` / `input_dim:` / `input_shape:` becomes an Input layer, `layers { type: RELU }` (V1) becomes `layer`, a data
layer's own `scale`, `mean_file`, `crop_size` and `mirror` become its transform_param, the three `param` of an old BatchNorm learn
nothing, `solver_type` becomes `type`, and numbers that stand for enumerations become their names. V0 layers are refused.
"""

from dataclasses import replace

from pycaffe_geo.errors import nearest
from pycaffe_geo.spec.node import Node, fail

INLINE_NETS = ("net_param", "train_net_param", "test_net_param")
_SOLVER_TYPES = ("SGD", "Nesterov", "AdaGrad", "RMSProp", "AdaDelta", "Adam")
_ENGINES = ("DEFAULT", "CAFFE", "CUDNN")
_ENUMS = {  # from 0 on; an empty text stands where Caffe begins at 1
    "phase": ("TRAIN", "TEST"),
    "share_mode": ("STRICT", "PERMISSIVE"),
    "blob_share_mode": ("STRICT", "PERMISSIVE"),
    "variance_norm": ("FAN_IN", "FAN_OUT", "AVERAGE"),
    "normalization": ("FULL", "VALID", "BATCH_SIZE", "NONE"),
    "engine": _ENGINES,
    "backend": ("LEVELDB", "LMDB"),
    "pool": ("MAX", "AVE", "STOCHASTIC"),
    "round_mode": ("CEIL", "FLOOR"),
    "norm_region": ("ACROSS_CHANNELS", "WITHIN_CHANNEL"),
    "norm": ("", "L1", "L2"),
    "eltwise_param.operation": ("PROD", "SUM", "MAX"),
    "reduction_param.operation": ("", "SUM", "ASUM", "SUMSQ", "MEAN"),
    "snapshot_format": ("HDF5", "BINARYPROTO"),
    "solver_mode": ("CPU", "GPU"),
    "solver_type": tuple(name.upper() for name in _SOLVER_TYPES),
}
_V1_NUMBERS = (
    "", "ACCURACY", "BNLL", "CONCAT", "CONVOLUTION", "DATA", "DROPOUT", "EUCLIDEAN_LOSS", "FLATTEN", "HDF5_DATA", "HDF5_OUTPUT",
    "IM2COL", "IMAGE_DATA", "INFOGAIN_LOSS", "INNER_PRODUCT", "LRN", "MULTINOMIAL_LOGISTIC_LOSS", "POOLING", "RELU", "SIGMOID",
    "SOFTMAX", "SOFTMAX_LOSS", "SPLIT", "TANH", "WINDOW_DATA", "ELTWISE", "POWER", "SIGMOID_CROSS_ENTROPY_LOSS", "HINGE_LOSS",
    "MEMORY_DATA", "ARGMAX", "THRESHOLD", "DUMMY_DATA", "SLICE", "MVN", "ABSVAL", "SILENCE", "CONTRASTIVE_LOSS", "EXP",
    "DECONVOLUTION",
)
_V1_NAMES = {
    "ABSVAL": "AbsVal", "ARGMAX": "ArgMax", "BNLL": "BNLL", "HDF5_DATA": "HDF5Data", "HDF5_OUTPUT": "HDF5Output",
    "IM2COL": "Im2col", "LRN": "LRN", "MVN": "MVN", "RELU": "ReLU", "SOFTMAX_LOSS": "SoftmaxWithLoss", "TANH": "TanH",
}
_V1_PARAM = {"param": "name", "blob_share_mode": "share_mode", "blobs_lr": "lr_mult", "weight_decay": "decay_mult"}
_OF_TRANSFORM = ("scale", "mean_file", "crop_size", "mirror")
_DATA_LAYERS = {"Data": "data_param", "ImageData": "image_data_param", "WindowData": "window_data_param"}


def upgrade(root):
    """Return the Node of a prototxt file (a net or a solver, with nets inside or not) in today's form."""
    root = _solver_type(_names(root, ""))
    for key in INLINE_NETS:
        if key in root.value:
            nets = [_net(node) if node.is_map else node for node in root.value[key].items]
            root = _changed(root, {key: Node(nets, root.value[key].place) if len(nets) > 1 else nets[0]})
    return _net(root)


def _net(root):
    if "layers" in root.value:
        root = _v1_layers(root)
    root = _input_header(root)
    layers = root.value.get("layer")
    if layers is None:
        return root
    new = [_batch_norm(_transform(node)) if node.is_map else node for node in layers.items]
    return _changed(root, {"layer": Node(new, layers.place)})


def _changed(node, values, without=()):
    """Return the mapping `node` with `values` set and the keys `without` left out."""
    kept = {key: value for key, value in node.value.items() if key not in without}
    return replace(node, value={**kept, **values})


def _names(node, key):
    """Return `node` with the names of enumerations in place of their numbers, at any depth. key: "<key around>.<key>"."""
    if node.is_map:
        around = key.rpartition(".")[2]
        return replace(node, value={k: _names(item, f"{around}.{k}") for k, item in node.value.items()})
    if node.is_list:
        return replace(node, value=[_names(item, key) for item in node.value])
    names = _ENUMS.get(key) or _ENUMS.get(key.rpartition(".")[2])
    return _name_of(node, names) if names else node


def _name_of(node, names):
    text = str(node.value)
    if node.plain and text.isascii() and text.isdigit() and len(text) < 4:
        number = int(text)
        if not number < len(names) or not names[number]:
            first = 0 if names[0] else 1
            fail(node.place, f"got {number}, expected {first} to {len(names) - 1}, a number for {', '.join(names[first:])}")
        return replace(node, value=names[number])
    return node


# ---- V1

def _v1_layers(root):
    if "layer" in root.value:
        place = root.key_place("layer")
        fail(place, f"got `layer` beside `layers` (line {root.key_place('layers').line}), expected one of them in a file")
    layers = [_v1_layer(node) for node in root.value["layers"].items]
    return _changed(root, {"layer": Node(layers, root.value["layers"].place)}, without=("layers",))


def _v1_layer(node):
    if not node.is_map:
        fail(node.place, f"got {node.describe()}, expected a layer in braces")
    if "layer" in node.value:
        expected = "layers { name type bottom top }: Caffe's tool upgrade_net_proto_text converts it"
        fail(node.key_place("layer"), f"got a layer inside `layers`, Caffe's first format (V0), expected {expected}")
    values = {"param": _v1_params(node)} if any(key in node.value for key in _V1_PARAM) else {}
    if "type" in node.value:
        values["type"] = _v1_type(node.value["type"])
    return _changed(node, values, without=_V1_PARAM)


def _v1_type(node):
    node = _name_of(node, _V1_NUMBERS)
    known = [name for name in _V1_NUMBERS if name]
    if node.value not in known:
        got = f"got {node.describe()}, expected a type of Caffe's older format such as CONVOLUTION"
        fail(node.place, f"type: {got}{nearest(node.value, known)}; `layer {{ }}` with type: \"...\" takes all the others")
    return Node(_V1_NAMES.get(node.value) or node.value.title().replace("_", ""), node.place, plain=False)


def _v1_params(node):
    """Return the Node of `param { name share_mode lr_mult decay_mult }` entries that the lists of a V1 layer mean."""
    lists = {new: node.value[old].items for old, new in _V1_PARAM.items() if old in node.value}
    count = max(map(len, lists.values()))
    entries = [{new: items[i] for new, items in lists.items() if i < len(items)} for i in range(count)]
    places = [next(iter(entry.values())).place for entry in entries]
    return Node([Node(entry, place) for entry, place in zip(entries, places)], places[0])


# ---- forms that `layer` may have too

def _type(layer):
    node = layer.value.get("type", Node(""))
    return node.value if node.is_scalar else ""


def _transform(layer):
    """Return a data layer with what its own parameter says of the pictures moved to transform_param."""
    key = _DATA_LAYERS.get(_type(layer))
    own = layer.value.get(key)
    if own is None or not own.is_map:
        return layer
    moved = {k: own.value[k] for k in _OF_TRANSFORM if k in own.value}
    if not moved:
        return layer
    place = next(iter(moved.values())).place
    theirs = layer.value.get("transform_param", Node({}, place))
    if not theirs.is_map:
        return layer
    return _changed(layer, {"transform_param": _changed(theirs, moved), key: _changed(own, {}, without=moved)})


def _batch_norm(layer):
    """Return a BatchNorm layer of the time when its three `param` had to say that they do not learn with just that said."""
    params = layer.value.get("param", Node([])).items
    if _type(layer) != "BatchNorm" or len(params) != 3:
        return layer
    still = [_changed(p, {"lr_mult": Node(0, p.place), "decay_mult": Node(0, p.place)}) if p.is_map else p for p in params]
    return _changed(layer, {"param": Node(still, params[0].place)})


def _input_header(root):
    """Return `root` with an Input layer in place of `input`, `input_dim` (four for each input) and `input_shape`."""
    names = root.value.get("input")
    if names is None:
        return root
    dims = root.value.get("input_dim", Node([])).items
    shapes = root.value.get("input_shape", Node([])).items
    if dims:
        if len(dims) != 4 * len(names.items):
            got = f"got {len(dims)} input_dim for {len(names.items)} input(s), expected four for each"
            fail(root.key_place("input_dim"), got)
        shapes = [Node({"dim": Node(dims[i:i + 4], dims[i].place)}, dims[i].place) for i in range(0, len(dims), 4)]
    values = {"name": Node("input"), "type": Node("Input"), "top": names}
    if shapes:
        values["input_param"] = Node({"shape": Node(shapes, shapes[0].place)}, shapes[0].place)
    layers = [Node(values, names.place), *root.value.get("layer", Node([])).items]
    return _changed(root, {"layer": Node(layers, names.place)}, without=("input", "input_dim", "input_shape"))


def _solver_type(root):
    """Return `root` with the `type` that an old solver's `solver_type` means."""
    old = root.value.get("solver_type")
    if old is None:
        return root
    by_name = {name.upper(): name for name in _SOLVER_TYPES}
    return _changed(root, {"type": replace(old, value=by_name.get(str(old.value), old.value))}, without=("solver_type",))
