"""Nets whose data layers are replaced by inputs for one sample, whatever file they would read."""

import math

from pycaffe_geo.errors import DataError, SpecError

_SHAPES = {"color": (3, "H", "W"), "right": (3, "H", "W"), "depth": (1, "H", "W"), "intrinsics": (4, 1, 1), "baseline": (1, 1, 1),
           "pose": (1, 4, 4)}
_BY_NAME = {"src": "color -1", "tgt": "color 0", "left": "color 0", "right": "right 0", "depth": "depth", "pose": "pose -1",
            "intrinsics": "intrinsics", "baseline": "baseline"}


def as_inputs(net, size=None):
    """Return (the NetDef `net`, of one phase, with an Input layer of batch 1 for each FrameData, RGBDPairData and Input layer,
    {top of these layers: role}).

    size: (width, height) of the pictures; None is that of the layer's file or world, or of the Input layer's shape. Tops of an
    Input layer are known by their names, src, tgt, left, right, depth, intrinsics and baseline; else its only one with 3 channels
    is the picture. DataError where a file, and so the size, is missing.
    """
    from pycaffe_geo.commands._inputs import replace_data

    roles, shapes = {}, {}
    for layer in net.layers:
        if layer.type in ("FrameData", "RGBDPairData"):
            found = dict(zip(layer.top, _roles(layer)))
            sides = size or _stored_size(layer)
            roles |= found
            shapes |= {top: _shape(role, sides) for top, role in found.items()}
        elif layer.type == "Input":
            given = layer.parameters["input_param"].shape if "input_param" in layer.parameters else ()
            each = given * len(layer.top) if len(given) == 1 else given
            named = {top: (1, *shape.dim[1:]) for top, shape in zip(layer.top, each)}
            roles |= {top: _BY_NAME.get(top, top) for top in named}
            shapes |= named
    unknown = [top for top in roles if roles[top] == top and len(shapes[top]) == 4 and shapes[top][1] == 3]
    if len(unknown) == 1 and "color 0" not in roles.values():
        roles[unknown[0]] = "color 0"
    if size:
        shapes |= {top: _shape(role, size) for top, role in roles.items() if "H" in _SHAPES.get(role.split()[0], ())}
    return replace_data(net, shapes), roles


def _roles(definition):
    """Return the role of each top of a FrameData or RGBDPairData layer; its nearest frames are at offsets 1 and -1."""
    from pycaffe_geo.layer import layer_class
    from pycaffe_geo.layers.rgbd_pair_data import NAMES

    if definition.type == "RGBDPairData":
        return [_BY_NAME[name] for name in NAMES]
    layer = layer_class(definition.type)(definition)
    names, unit = layer.top_names(), math.gcd(*layer.frame_data_param.offsets) or 1
    if len(names) != len(definition.top):
        raise SpecError(f"{layer.where}: has {len(definition.top)} tops, expected {len(names)}: {', '.join(names)}")
    pieces = [name.split() for name in names]
    return [f"{item} {int(offset[0]) // unit}" if offset else item for item, *offset in pieces]


def _stored_size(definition):
    """Return (width, height) of the file or world behind a FrameData or RGBDPairData layer."""
    from pycaffe_geo.layer import layer_class

    layer = layer_class(definition.type)(definition)
    try:
        layer.begin(layer.frame_data_param if definition.type == "FrameData" else layer.rgbd_pair_data_param)
    except DataError as e:
        raise DataError(f"{e}\nThat file says what size the net sees; without it give --size WIDTHxHEIGHT") from e
    return layer.size[::-1]


def _shape(role, size):
    width, height = size
    return (1, *({"H": height, "W": width}.get(side, side) for side in _SHAPES[role.split()[0]]))
