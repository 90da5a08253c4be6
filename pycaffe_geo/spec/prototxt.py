"""Caffe's prototxt (text protobuf) to the same Nodes as YAML: a hand-written tokenizer and parser.

A key that stands several times becomes a list. Older forms become today's, as Caffe upgrades them (see upgrade.py).
"""

import re

from pycaffe_geo.spec.definitions import Place
from pycaffe_geo.spec.node import Node, fail
from pycaffe_geo.spec.source import MAX_DEPTH, MAX_VALUES
from pycaffe_geo.spec.upgrade import upgrade

_TOKEN = re.compile(
    r"""(?P<skip>\s+|\#[^\n]*)
    |(?P<string>"(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*')
    |(?P<word>[-+]?[A-Za-z0-9_.][-+A-Za-z0-9_.]*)
    |(?P<sign>[{}<>\[\]:;,])""",
    re.VERBOSE,
)
_ESCAPE = re.compile(rb"\\(x[0-9a-fA-F]{1,2}|[0-3][0-7]{0,2}|.)")
_ESCAPED = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}
_OCTAL_OR_HEX = re.compile(r"([-+]?)(0[0-7]+|0[xX][0-9a-fA-F]{1,16})")
_CLOSING = {"{": "}", "<": ">"}


def read_prototxt(text, file):
    """Return the Node (a mapping) of the text protobuf `text`; SpecError names the place of what cannot be used."""
    root = _Parser(text, file).document()
    if not root.value:
        fail(root.place, 'the file is empty, expected a network or solver such as `name: "my_net" layer { ... }`')
    return upgrade(root)


class _Parser:
    """Recursive descent with one token of look-ahead: `kind`, `text` and `place` are the token at hand."""

    def __init__(self, text, file):
        self.source = text
        self.file = file
        self.at = self.line = self.line_start = self.count = 0
        self.advance()

    def advance(self):
        while True:
            self.place = Place(self.file, self.line + 1, self.at - self.line_start + 1)
            if self.at >= len(self.source):
                self.kind, self.text = "end", "the end of the file"
                return
            found = _TOKEN.match(self.source, self.at)
            if not found:
                fail(self.place, self.unknown())
            self.kind, self.text, self.at = found.lastgroup, found.group(), found.end()
            if self.kind != "skip":
                return
            if "\n" in self.text:
                self.line += self.text.count("\n")
                self.line_start = found.start() + self.text.rfind("\n") + 1

    def unknown(self):
        sign = self.source[self.at]
        if sign in "\"'":
            return f"the text that begins here has no closing {sign} in its line"
        return f"got '{sign}', expected a key, a value or a brace"

    def fail(self, expected):
        fail(self.place, f"got {self.text if self.kind == 'end' else repr(self.text[:60])}, expected {expected}")

    def take(self, text):
        if self.kind != "sign" or self.text != text:
            self.fail(f"'{text}'")
        self.advance()

    def document(self):
        return self.message(Place(self.file), "", 0)

    def message(self, place, closing, depth):
        """Return the mapping of the fields up to the `closing` sign, which is taken too ("" is the end of the file)."""
        if depth > MAX_DEPTH:
            fail(place, f"nested more than {MAX_DEPTH} levels deep")
        values, keys = {}, {}
        while not (self.kind == "end" if not closing else self.text == closing and self.kind == "sign"):
            if self.kind != "word" or not self.text.isidentifier():
                self.fail(f"a key or '{closing}'" if closing else "a key such as `layer`")
            key, key_place = self.text, self.place
            self.advance()
            keys.setdefault(key, key_place)
            _add(values, key, self.field(key, depth))
            while self.kind == "sign" and self.text in ",;":
                self.advance()
        if closing:
            self.advance()
        return Node(values, place, keys=keys)

    def field(self, key, depth):
        """Return what stands after a key: `: value`, `: [values]` or a message with or without the colon."""
        if self.kind == "sign" and self.text == ":":
            self.advance()
        elif not (self.kind == "sign" and self.text in _CLOSING):
            self.fail(f"':' or '{{' after '{key}'")
        if self.kind == "sign" and self.text == "[":
            return self.short_list(depth)
        return self.value(depth)

    def short_list(self, depth):
        place, items = self.place, []
        self.advance()
        while not (self.kind == "sign" and self.text == "]"):
            if items:
                self.take(",")
            items.append(self.value(depth))
        self.advance()
        return Node(items, place)

    def value(self, depth):
        self.count += 1
        if self.count > MAX_VALUES:
            fail(self.place, f"the file has more than {MAX_VALUES} values")
        place = self.place
        if self.kind == "string":
            return Node(self.strings(), place, plain=False)
        if self.kind == "word":
            node = _word(self.text, place)
            self.advance()
            return node
        if self.kind == "sign" and self.text in _CLOSING:
            closing = _CLOSING[self.text]
            self.advance()
            return self.message(place, closing, depth + 1)
        return self.fail("a value")

    def strings(self):
        """Return the text of adjacent strings joined. Escapes stand for bytes of UTF-8, as protobuf writes them."""
        place, parts = self.place, []
        while self.kind == "string":
            parts.append(_ESCAPE.sub(_unescaped, self.text[1:-1].encode()))
            self.advance()
        try:
            return b"".join(parts).decode()
        except UnicodeDecodeError:
            fail(place, "the escapes in this text are no UTF-8")


def _add(values, key, node):
    if key not in values:
        values[key] = node
        return
    first = values[key]
    if not first.is_list:
        first = values[key] = Node([first], first.place)
    first.value.extend(node.items)


def _word(text, place):
    """Return the Node of a number or name; as in C, `010` is eight and `0.5f` a float."""
    whole = _OCTAL_OR_HEX.fullmatch(text)
    if whole:
        digits = whole.group(2)
        value = int(digits, 16 if digits[1] in "xX" else 8) if len(digits) < 20 else 2**64
        return Node(-value if whole.group(1) == "-" else value, place)
    if text[-1] in "fF" and re.fullmatch(r"[-+]?[0-9.]+([eE][-+]?[0-9]+)?", text[:-1]):
        return Node(text[:-1], place)
    return Node(text, place)


def _unescaped(found):
    text = found.group(1)
    if text[:1] == b"x" and len(text) > 1:
        return bytes([int(text[1:], 16)])
    if text[:1] in (b"0", b"1", b"2", b"3"):
        return bytes([int(text, 8)])
    return _ESCAPED.get(text, text)
