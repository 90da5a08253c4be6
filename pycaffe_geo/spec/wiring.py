"""Do the blobs of a network of one phase fit together? Names, order, cycles."""

from pycaffe_geo.errors import listed, nearest
from pycaffe_geo.spec.node import fail


def check_wiring(net, whole=None):
    """Raise SpecError where two layers have one name, a blob is read that no earlier layer makes, or is made twice.

    net: the NetDef of one state (see filter_net). whole: the NetDef with all layers, so that a message can say that a layer
    which makes a missing blob was left out.
    """
    names, made = {}, {}
    for i, layer in enumerate(net.layers):
        if layer.name in names:
            fail(layer.place, _where(layer), f"the name '{layer.name}' is already taken at {names[layer.name].place}")
        names[layer.name] = layer
        for bottom in layer.bottom:
            if bottom not in made:
                _fail_missing(bottom, i, net.layers, made, whole)
        _add_tops(layer, made)


def _where(layer):
    return f"layer '{layer.name}' ({layer.type})"


def _add_tops(layer, made):
    for j, top in enumerate(layer.top):
        if top in layer.top[:j]:
            fail(layer.place, _where(layer), f"top '{top}' stands twice")
        if top in made and top not in layer.bottom:
            maker = f"layer '{made[top].name}' ({made[top].place})"
            fail(layer.place, _where(layer), f"top '{top}' is already made by {maker}; give it another name")
        made[top] = layer


def _fail_missing(bottom, index, layers, made, whole):
    layer = layers[index]
    maker = next((later for later in layers[index:] if bottom in later.top), None)
    if maker:
        chain = _cycle(layer, maker, layers[index:])
        if chain:
            fail(layer.place, _where(layer), f"bottom '{bottom}' closes a cycle of layers: {' -> '.join(chain)}")
        problem = f"bottom '{bottom}' is made later, by layer '{maker.name}' ({maker.place}); move that before"
        fail(layer.place, _where(layer), problem)
    hint = _left_out(bottom, whole) or nearest(bottom, made)
    fail(layer.place, _where(layer), f"no layer makes bottom '{bottom}'{hint} (tops so far: {listed(made)})")


def _left_out(bottom, whole):
    maker = next((layer for layer in whole.layers if bottom in layer.top), None) if whole else None
    return f"; layer '{maker.name}' ({maker.place}) makes it, but is left out in this state of the net" if maker else ""


def _cycle(layer, maker, layers):
    """Return the layer names from `layer` through the blobs it feeds to `maker` and back, or [] if it does not feed `maker`."""
    came_from, waiting = {layer.name: None}, [layer]
    while waiting:
        at = waiting.pop()
        if at is maker:
            return [*_trail(at.name, came_from), layer.name]
        for reader in layers:
            if reader.name not in came_from and set(at.top) & set(reader.bottom):
                came_from[reader.name] = at.name
                waiting.append(reader)
    return []


def _trail(name, came_from):
    names = []
    while name is not None:
        names.insert(0, name)
        name = came_from[name]
    return names
