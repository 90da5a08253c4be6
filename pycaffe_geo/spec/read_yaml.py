"""YAML text to Nodes, each with its place. Scalars keep their text: the field they are for decides their type."""

import re

import yaml

from pycaffe_geo.spec.definitions import Place
from pycaffe_geo.spec.node import Node, fail
from pycaffe_geo.spec.source import MAX_DEPTH, MAX_VALUES

# The same grammar, compiled where PyYAML was built with libyaml. Only its parser is used: no tag is ever acted on.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAB_INDENT = re.compile(r"^[ ]*\t[ \t]*[^\s#]", re.MULTILINE)


def read_yaml(text, file):
    """Return the Node of YAML `text` (a mapping); SpecError names file, line and column of what cannot be used."""
    _refuse_tabs(text, file)
    try:
        return _Composer(yaml.parse(text, Loader=_Loader), file).document()
    except yaml.MarkedYAMLError as e:
        mark = e.problem_mark or e.context_mark
        place = Place(file, mark.line + 1, mark.column + 1) if mark else Place(file)
        fail(place, f"this is no valid YAML: {_problem(e, text, mark)}")
    except yaml.YAMLError as e:
        fail(Place(file), f"this is no valid YAML: {' '.join(str(e).split())}")


def _refuse_tabs(text, file):
    found = _TAB_INDENT.search(text)
    if found:
        place = Place(file, text.count("\n", 0, found.start()) + 1, text.index("\t", found.start()) - found.start() + 1)
        fail(place, "got a tab, expected spaces; indent by spaces")


def _problem(error, text, mark):
    lines = text.splitlines()
    line = lines[mark.line] if mark and mark.line < len(lines) else ""
    if mark and line[mark.column:mark.column + 1] == "\t":
        return "got a tab, expected spaces"
    if "cannot start any token" in str(error.problem):
        return f"got '{line[mark.column:mark.column + 1]}' at the start of a value, expected it in quotes"
    begin = f" that begins in line {error.context_mark.line + 1}" if error.context_mark else ""
    context = f" ({error.context}{begin})" if error.context else ""
    return f"{error.problem or 'cannot be parsed'}{context}; is a colon, comma, bracket or quote missing here or just before?"


class _Composer:
    """Builds Nodes from the parser's events, and stops before a file can grow in depth or number of values."""

    def __init__(self, events, file):
        self.events = events
        self.file = file
        self.anchors = {}
        self.sizes = {}
        self.total = 0

    def document(self):
        next(self.events)  # the stream starts
        event = next(self.events)
        if isinstance(event, yaml.StreamEndEvent):
            fail(Place(self.file), "the file is empty, expected a mapping such as `name: my_net`")
        root = self.node(next(self.events), 0)
        next(self.events)  # the document ends
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            fail(self.place(event), "got a second document ('---'), expected one in a file")
        if root.value is None:
            fail(root.place, "the file is empty, expected a mapping such as `name: my_net`")
        if not root.is_map:
            fail(root.place, f"got {root.describe()}, expected a mapping such as `name: my_net`")
        return root

    def place(self, event):
        return Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)

    def node(self, event, depth):
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if event.tag not in (None, "!"):
            fail(self.place(event), f"got the tag '{event.tag}', expected none; write the value alone")
        if depth > MAX_DEPTH:
            fail(self.place(event), f"nested more than {MAX_DEPTH} levels deep")
        before = self.total
        self.count(event, 1)
        if isinstance(event, yaml.ScalarEvent):
            node = self.scalar(event)
        else:
            node = self.sequence(event, depth) if isinstance(event, yaml.SequenceStartEvent) else self.mapping(event, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
            self.sizes[event.anchor] = self.total - before
        return node

    def alias(self, event):
        if event.anchor not in self.anchors:
            fail(self.place(event), f"the alias '*{event.anchor}' has no anchor '&{event.anchor}' that ends before it")
        self.count(event, self.sizes[event.anchor])
        return self.anchors[event.anchor]

    def count(self, event, size):
        """Count values as if every alias were written out, so that aliases of aliases cannot explode later."""
        self.total += size
        if self.total > MAX_VALUES:
            fail(self.place(event), f"the file has more than {MAX_VALUES} values when its aliases are written out")

    def scalar(self, event):
        plain = event.style in (None, "")
        value = None if plain and event.value == "" else event.value
        return Node(value, self.place(event), plain)

    def sequence(self, event, depth):
        place = self.place(event)
        items = []
        while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(event, depth + 1))
        return Node(items, place)

    def mapping(self, event, depth):
        place = self.place(event)
        values, keys = {}, {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.key(event, keys)
            keys[key] = self.place(event)
            values[key] = self.node(next(self.events), depth + 1)
        return Node(values, place, keys=keys)

    def key(self, event, keys):
        if not isinstance(event, yaml.ScalarEvent) or event.tag not in (None, "!"):
            fail(self.place(event), "a key must be a plain word")
        key = event.value
        if key == "<<":
            fail(self.place(event), "merge keys (<<) are not supported; use a module or write the keys")
        if key in keys:
            fail(self.place(event), f"the key '{key}' stands twice in this mapping, first in line {keys[key].line}; remove one")
        return key
