"""Definitions to Caffe's prototxt: the flat network or the solver, as real Caffe and tools such as Netron read it."""

import dataclasses
import logging
import typing

from pycaffe_geo.errors import SpecError, listed
from pycaffe_geo.spec.definitions import NetDef, SolverDef
from pycaffe_geo.spec.typed import fields_of

log = logging.getLogger(__name__)

CAFFE_TYPES = frozenset(
    "AbsVal Accuracy ArgMax BNLL BatchNorm BatchReindex Bias Clip Concat ContrastiveLoss Convolution Crop Data Deconvolution "
    "Dropout DummyData ELU Eltwise Embed EuclideanLoss Exp Filter Flatten HDF5Data HDF5Output HingeLoss Im2col ImageData "
    "InfogainLoss InnerProduct Input LRN LSTM LSTMUnit Log MVN MemoryData MultinomialLogisticLoss PReLU Parameter Pooling Power "
    "Python RNN ReLU Reduction Reshape SPP Scale Sigmoid SigmoidCrossEntropyLoss Silence Slice Softmax SoftmaxWithLoss Split "
    "Swish TanH Threshold Tile WindowData".split()
)
_OWN_SOLVER_FIELDS = ("warmup_iter", "freeze")
_NOT_CAFFES_DEFAULT = {
    "SolverDef": ("base_lr", "lr_policy", "gamma", "power", "max_iter", "solver_mode", "snapshot_format"),
    "DataParam": ("backend",),
}
_TEXTS = ("lr_policy", "regularization_type")  # a choice of names for us, a text for Caffe
_WIDTH = 100
_PARAMETERS = {"BatchNorm": 3, "PReLU": 1, "Parameter": 1, "Normalize": 1}


def to_prototxt(definition):
    """Return prototxt text that loads to the same NetDef or SolverDef, places aside.

    `share` becomes `param { name: ... }` of the same names in the layer that owns the parameters and in those that share them.
    One warning lists the layer types and solver fields that Caffe does not have.
    """
    if isinstance(definition, SolverDef):
        return "".join(f"{line}\n" for line in _solver(definition))
    own = sorted({layer.type for layer in definition.layers} - CAFFE_TYPES)
    if own:
        log.warning("%s: Caffe has no layers of these types: %s", definition.file or definition.name, listed(own))
    return "".join(f"{line}\n" for line in _net(definition))


def _net(net):
    lines = _fields(net, leave_out=("file", "layers"))
    owners = {layer.share for layer in net.layers if layer.share}
    for layer in net.layers:
        lines += ["layer {", *_indented(_layer(layer, owners)), "}"]
    return lines


def _layer(layer, owners):
    if layer.share or layer.name in owners:
        layer = dataclasses.replace(layer, param=_named_parameters(layer))
    lines = _fields(layer, leave_out=("parameters", "place", "share"))
    for key, parameter in layer.parameters.items():
        inside = _fields(parameter)
        if inside:
            lines += _message(key, inside)
    return lines


def _named_parameters(layer):
    """Return the `param` entries of a layer that shares, all with names: Caffe shares by equal names alone."""
    count = _parameter_count(layer)
    if count is None:
        problem = f"how many parameters a layer of type {layer.type} has is not known; give them names in `param`"
        raise SpecError(f"{layer.place}: layer '{layer.name}' ({layer.type}): cannot write `share` as prototxt: {problem}")
    specs = (layer.param_spec(j) for j in range(max(count, len(layer.param))))
    still = {"lr_mult": 0.0, "decay_mult": 0.0} if layer.type == "BatchNorm" else {}  # Caffe refuses any other rate there
    return tuple(dataclasses.replace(spec, **still) for spec in specs)


def _parameter_count(layer):
    """Return the number of parameter blobs of a layer, None where its type does not tell."""
    param = next((p for p in layer.parameters.values() if hasattr(p, "bias_term")), None)
    if layer.type in ("Scale", "Bias"):
        return int(len(layer.bottom) == 1) + int(getattr(param, "bias_term", False))
    if param:
        return 1 + int(param.bias_term)
    if layer.type in _PARAMETERS:
        return _PARAMETERS[layer.type]
    learns = [p for p in layer.parameters.values() if any("filler" in f.name for f in dataclasses.fields(p))]
    return None if learns or layer.type == "Python" or layer.param else 0


def _solver(solver):
    own = [key for key in _OWN_SOLVER_FIELDS if getattr(solver, key)]
    own += ["lr_policy: cosine"] if solver.lr_policy == "cosine" else []
    if own:
        log.warning("%s: Caffe has no such solver fields: %s", solver.file, listed(own))
    lines, inline = [], []
    for key in ("net", "train_net", "test_net"):
        for net in _as_tuple(getattr(solver, key)):
            if isinstance(net, NetDef):
                inline += [f"{key}_param {{", *_indented(to_prototxt(net).splitlines()), "}"]
            elif net:
                lines.append(f"{key}: {_quoted(net)}")
    return lines + _fields(solver, leave_out=("net", "train_net", "test_net", "file")) + inline


def _as_tuple(value):
    return value if isinstance(value, tuple) else (value,)


def _fields(obj, leave_out=()):
    """Return the lines of the fields of a dataclass that are not the default; repeated fields take a line each."""
    lines, kinds = [], fields_of(type(obj))
    always = _NOT_CAFFES_DEFAULT.get(type(obj).__name__, ())
    for f in dataclasses.fields(obj):
        value = getattr(obj, f.name)
        default = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
        same = value == default and type(value) is type(default)
        if f.name in leave_out or value is None or (same and f.name not in always):
            continue
        key = f.name.rstrip("_")
        for item in _as_tuple(value):
            lines += _message(key, _fields(item)) if dataclasses.is_dataclass(item) else [f"{key}: {_scalar(key, item, kinds)}"]
    return lines


def _message(key, inside):
    """Return a message on one line where that is short, else with a line for each field."""
    short = " ".join((f"{key} {{", *inside, "}"))
    if len(short) <= _WIDTH and not any(line.startswith(" ") for line in inside):
        return [short]
    return [f"{key} {{", *_indented(inside), "}"]


def _indented(lines):
    return [f"  {line}" for line in lines]


def _scalar(key, value, kinds):
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return value if _is_enumeration(key, value, kinds[key][1]) else _quoted(value)
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 and str(value) != "-0.0":
        return str(int(value))
    return repr(value)


def _is_enumeration(key, value, kind):
    """True for one of the names of an enumeration; choices of our own are written as texts, in lower case."""
    return key not in _TEXTS and value.isupper() and any(typing.get_origin(k) is typing.Literal for k in _parts(kind))


def _parts(kind):
    """Return the type and those inside it: of X | None and tuple[X, ...]."""
    return [kind, *(k for k in typing.get_args(kind) if k not in (type(None), ...))]


def _quoted(text):
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\t", "\\t").replace("\r", "\\r")
    safe = (c if c.isprintable() else "".join(f"\\{byte:03o}" for byte in c.encode("utf-8", "surrogatepass")) for c in escaped)
    return f'"{"".join(safe)}"'
