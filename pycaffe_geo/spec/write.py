"""Definitions to YAML: the flat network or resolved solver, in short forms, that loads to the same definition."""

import dataclasses
import json
import math
import re
import textwrap

from pycaffe_geo.layer import layer_class
from pycaffe_geo.spec.definitions import NetDef, SolverDef

_WIDTH = 120
_PLAIN = re.compile(r"[A-Za-z_/][\w./-]*", re.ASCII)
_WORDS = ("true", "false", "yes", "no", "on", "off", "null", "inf", "nan", "y", "n")
_ESCAPED = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


def to_yaml(definition):
    """Return YAML text that loads to the same NetDef or SolverDef, places aside. Values that are the default are left out."""
    if isinstance(definition, SolverDef):
        return _solver(definition)
    values = _fields(definition, leave_out=("file", "layers"))
    lines = [f"{key}: {_flow(value)}" for key, value in values.items()]
    lines.append("layers:" if definition.layers else "layers: []")
    lines += [_layer(layer) for layer in definition.layers]
    return "\n".join(lines) + "\n"


def _solver(solver):
    """A network that stands inside the solver file follows at its end, as net_param: or test_net_param: [...]."""
    inline = {key: net for key in ("net", "train_net") if isinstance(net := getattr(solver, key), NetDef)}
    tests = [net for net in solver.test_net if isinstance(net, NetDef)]
    files = tuple(net for net in solver.test_net if not isinstance(net, NetDef))
    values = _fields(dataclasses.replace(solver, **dict.fromkeys(inline, ""), test_net=files), leave_out=("file",))
    text = "".join(f"{key}: {_flow(value)}\n" for key, value in values.items())
    text += "".join(f"{key}_param:\n{textwrap.indent(to_yaml(net), '  ')}" for key, net in inline.items())
    if tests:
        text += "test_net_param:\n" + "".join(f"- {textwrap.indent(to_yaml(net), '  ')[2:]}" for net in tests)
    return text


def _layer(layer):
    """Return one layer on a line, or with one key on each line where that is too long."""
    values = _layer_values(layer)
    short = f"- {_flow(values)}"
    if len(short) <= _WIDTH:
        return short
    return "- " + "\n  ".join(f"{key}: {_flow(value)}" for key, value in values.items())


def _layer_values(layer):
    values = _fields(layer, leave_out=("parameters", "place"))
    if layer.top == (layer.name,) and layer_class(layer.type).tops[0] == 1:
        del values["top"]
    for key, parameter in layer.parameters.items():
        inside = _fields(parameter)
        if inside:
            values[key] = inside
    return values


def _fields(obj, leave_out=()):
    """Return {key: value} of a dataclass as plain dicts, lists and scalars, without what equals the default."""
    values = {}
    for f in dataclasses.fields(obj):
        value = getattr(obj, f.name)
        default = f.default_factory() if f.default_factory is not dataclasses.MISSING else f.default
        if f.name not in leave_out and not (value == default and type(value) is type(default)):
            values[f.name.rstrip("_")] = _plain(value)
    return values


def _plain(value):
    if dataclasses.is_dataclass(value):
        values = _fields(value)
        return values["type"] if list(values) == ["type"] else values
    if isinstance(value, tuple):
        items = [_plain(v) for v in value]
        return items[0] if len(items) == 1 else items
    return value


def _flow(value):
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_flow(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(v) for v in value) + "]"
    if isinstance(value, str):
        return _text(value)
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else _number(value)


def _number(value):
    """Return the shortest text that reads back as the same number; 1.0e-08 is a float for every YAML reader."""
    if isinstance(value, int):
        return str(value)
    if math.isinf(value):
        return ".inf" if value > 0 else "-.inf"
    if value.is_integer() and abs(value) < 1e15 and str(value) != "-0.0":
        return str(int(value))
    mantissa, e, exponent = repr(value).partition("e")
    return f"{mantissa if '.' in mantissa else mantissa + '.0'}e{exponent}" if e else mantissa


def _text(value):
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return _ESCAPED.sub(lambda found: f"\\u{ord(found.group()):04x}", json.dumps(value, ensure_ascii=False))
