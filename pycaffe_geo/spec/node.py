"""Node: one value of a specification file with the place it stands at, not yet given a type."""

from dataclasses import dataclass, field

from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec.definitions import Place


@dataclass(frozen=True)
class Node:
    """One value and its place. The type of a scalar is decided by the field it is for, so `on` can be a string or True.

    value   {key: Node}, [Node], a text, or an int, float or bool (computed, or from Python); None = blank
    plain   the text stood without quotes, so it may be a number or a boolean
    keys    for a mapping: where each key stands
    """

    value: object
    place: Place | None = None
    plain: bool = True
    keys: dict = field(default_factory=dict)

    @property
    def is_map(self):
        return isinstance(self.value, dict)

    @property
    def is_list(self):
        return isinstance(self.value, list)

    @property
    def is_scalar(self):
        return not isinstance(self.value, (dict, list))

    @property
    def items(self):
        """The nodes of a list; a single value counts as a list of one, a blank as none."""
        if self.is_list:
            return self.value
        return [] if self.value is None else [self]

    def key_place(self, key):
        return self.keys.get(key) or self.place

    def describe(self):
        """Return what a message says was got: `'0.5x'`, `a list`, `a mapping`, `nothing`."""
        if self.value is None:
            return "nothing"
        if self.is_map:
            return "a mapping"
        if self.is_list:
            return f"a list of {len(self.value)}"
        text = str(self.value)
        return f"'{text if len(text) <= 60 else text[:57] + '...'}'" + ("" if self.plain else " in quotes")


def as_node(value):
    """Return `value` (plain Python dicts, lists and scalars, or a Node) as a Node."""
    if isinstance(value, Node):
        return value
    if isinstance(value, dict):
        return Node({str(k): as_node(v) for k, v in value.items()})
    if isinstance(value, (list, tuple)):
        return Node([as_node(v) for v in value])
    return Node(value, plain=not isinstance(value, str))


def fail(place, *parts):
    """Raise SpecError: place, then `parts`, joined by colons; empty parts are left out."""
    raise SpecError(": ".join(str(p) for p in (place, *parts) if p))
