"""Typed definitions out of untyped values: `build(cls, value)` makes a frozen dataclass and says what does not fit."""

import dataclasses
import functools
import math
import re
import types
import typing

from pycaffe_geo.errors import listed, nearest
from pycaffe_geo.spec.node import as_node, fail

_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?")
_INFINITE = {"inf": math.inf, "+inf": math.inf, "-inf": -math.inf, ".inf": math.inf, "+.inf": math.inf, "-.inf": -math.inf}
_BOOL = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}
_LARGEST = 2**63 - 1


def build(cls, value, where=""):
    """Return an instance of the frozen dataclass `cls` made of `value`: a dict of plain Python values, or a Node.

    Fields may be int, float, bool, str, Literal, X | None, tuple[X, ...] and dataclasses; `lambda_` is `lambda` in the file.
    A value that is no list stands for a list of one; a text stands for the `type` of a dataclass that has one (fillers).
    SpecError says: place of the value, `where`, key, what was got, what was expected.
    """
    return _dataclass(cls, as_node(value), where, "")


def convert(kind, value, where="", key=""):
    """Return `value` (plain Python or a Node) as the type `kind`; SpecError where it does not fit."""
    return _convert(kind, as_node(value), where, key)


def fields_of(cls):
    """Return {key in the file: (field name, type)} of the dataclass `cls`."""
    return _fields(cls)


@functools.lru_cache(maxsize=None)
def _fields(cls):
    hints = typing.get_type_hints(cls)
    return {f.name.rstrip("_"): (f.name, hints[f.name]) for f in dataclasses.fields(cls)}


def _dataclass(cls, node, where, path):
    fields = _fields(cls)
    if node.is_scalar and isinstance(node.value, str) and "type" in fields:
        node = dataclasses.replace(node, value={"type": node}, keys={"type": node.place})
    if node.value is None:
        node = dataclasses.replace(node, value={})
    if not node.is_map:
        _mismatch(node, where, path, f"a mapping with keys {listed(fields)}")
    values = {}
    for key, item in node.value.items():
        if key not in fields:
            fail(node.key_place(key), where, path, f"unknown key '{key}'{nearest(key, fields)} (known: {listed(fields, 40)})")
        name, kind = fields[key]
        values[name] = _convert(kind, item, where, f"{path}.{key}" if path else key)
    return _construct(cls, values, node, where, path)


def _construct(cls, values, node, where, path):
    for f in dataclasses.fields(cls):
        if f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING and f.name not in values:
            fail(node.place, where, path, f"'{f.name.rstrip('_')}' is missing")
    try:
        return cls(**values)
    except ValueError as e:
        fail(node.key_place(str(e).split(maxsplit=1)[0].rstrip(":")), where, path, e)  # such messages begin with the field


def _convert(kind, node, where, path):
    if kind in _SCALARS:
        return _SCALARS[kind](node, where, path)
    origin = typing.get_origin(kind)
    if origin in (types.UnionType, typing.Union):
        return _optional(kind, node, where, path)
    if origin is typing.Literal:
        return _literal(typing.get_args(kind), node, where, path)
    if origin is tuple:
        return _tuple(typing.get_args(kind)[0], node, where, path)
    return _dataclass(kind, node, where, path)


def _optional(kind, node, where, path):
    (inner,) = (k for k in typing.get_args(kind) if k is not type(None))
    if node.value is None or (node.plain and node.value in ("null", "~")):
        return None
    return _convert(inner, node, where, path)


def _literal(options, node, where, path):
    by_text = {str(o): o for o in options}
    text = str(node.value)
    if not node.is_scalar or text not in by_text:
        _mismatch(node, where, path, f"one of {listed(by_text)}", nearest(text, by_text) if node.is_scalar else "")
    return by_text[text]


def _tuple(inner, node, where, path):
    if not node.is_list:
        return (_convert(inner, node, where, path),)
    return tuple(_convert(inner, item, where, f"{path}[{i}]") for i, item in enumerate(node.value))


def number(node):
    """Return the int or float that the scalar `node` means, or None where it means none. `010` is ten, `1e-3` a float."""
    value = node.value
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    if not isinstance(value, str):
        return value
    if not node.plain or len(value) > 400:
        return None
    if _INT.fullmatch(value):
        return int(value)
    if _FLOAT.fullmatch(value):
        return float(value)
    return _INFINITE.get(value.lower())


def _int(node, where, path):
    value = number(node)
    if value is None or value != value or value in (math.inf, -math.inf) or value != int(value):
        _mismatch(node, where, path, "a whole number", _number_hint(node))
    if abs(value) > _LARGEST:
        _mismatch(node, where, path, "a whole number of at most 64 bits")
    return int(value)


def _float(node, where, path):
    value = number(node)
    if value is None or value != value:
        _mismatch(node, where, path, "a number", _number_hint(node))
    if isinstance(node.value, str) and math.isinf(value) and "inf" not in node.value.lower():
        _mismatch(node, where, path, "a number that fits 64-bit floating point")
    return _as_float(value, node, where, path)


def _as_float(value, node, where, path):
    try:
        return float(value)
    except OverflowError:
        _mismatch(node, where, path, "a number that fits 64-bit floating point")


def _number_hint(node):
    text = node.value if isinstance(node.value, str) else ""
    if not node.plain and (_INT.fullmatch(text) or _FLOAT.fullmatch(text)):
        return "; remove the quotes"
    if "_" in text and _FLOAT.fullmatch(text.replace("_", "")):
        return f"; write {text.replace('_', '')}"
    return ""


def _bool(node, where, path):
    if isinstance(node.value, bool):
        return node.value
    text = str(node.value).lower()
    if not node.is_scalar or not node.plain or text not in _BOOL:
        _mismatch(node, where, path, "true or false")
    return _BOOL[text]


def _str(node, where, path):
    if node.value is None or not node.is_scalar:
        hint = "; put text with brackets or braces into quotes" if node.value is not None else ""
        _mismatch(node, where, path, "a text", hint)
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return str(node.value)


_SCALARS = {int: _int, float: _float, bool: _bool, str: _str}


def _mismatch(node, where, path, expected, hint=""):
    fail(node.place, where, path, f"got {node.describe()}, expected {expected}{hint}")
