"""Every layer with absurd numbers in its parameters, and on blobs of odd shapes: only our own errors come out, and under a
`max_memory` nothing large is allocated.

What each layer is run on is the EXAMPLE of its test file (see test_device_code.py).
"""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from test_device_code import TYPES, example

from pycaffe_geo.errors import PycaffeGeoError
from pycaffe_geo.layer import layer_types
from pycaffe_geo.layers.input import BlobShape, InputParam
from pycaffe_geo.net import Net
from pycaffe_geo.spec import LayerDef, NetDef
from pycaffe_geo.spec.typed import build, fields_of

MAX_MEMORY = 2**24
NUMBERS = [0, -1, 99999, 10**9, 2**62, 0.5, 1e30]


def net_of(type_name, shapes, tops, parameters):
    """Return a Net of one layer on Input layers of `shapes`."""
    layers = [
        LayerDef(f"in{i}", "Input", top=(f"b{i}",), parameters={"input_param": InputParam((BlobShape(shape),))})
        for i, shape in enumerate(shapes)
    ]
    bottom, top = ([f"{kind}{i}" for i in range(count)] for kind, count in (("b", len(shapes)), ("t", tops)))
    layers.append(LayerDef("layer", type_name, tuple(bottom), tuple(top), parameters=parameters))
    return Net(NetDef("n", tuple(layers), force_backward=True), "TRAIN", max_memory=MAX_MEMORY)


def parts(type_name, folder):
    """Return (shapes of the bottoms, number of tops, {key: parameter values}) of the layer's example."""
    arguments = example(type_name, folder)
    shapes = [b if isinstance(b, tuple) else np.shape(b) for b in arguments.get("bottom", [])]
    values = {key: arguments.get(key) or {} for key in layer_types()[type_name].parameters}
    plain = {key: dataclasses.asdict(value) if dataclasses.is_dataclass(value) else value for key, value in values.items()}
    return shapes, arguments.get("tops", 1), plain


def built(type_name, values):
    return {key: build(cls, values[key]) for key, cls in layer_types()[type_name].parameters.items()}


def changes(values, key, field):
    """Yield copies of the parameter `values` with absurd numbers in one field, alone and where it takes two to be absurd."""
    for number in NUMBERS:
        value = {"dim": [number, number]} if field == "shape" else number
        changed = {**values[key], field: value}
        yield {**values, key: changed}
        if field in ("kernel_size", "pad", "dilation") and isinstance(number, int):
            yield {**values, key: {**changed, "pad": number - (field == "kernel_size"), "stride": max(number, 1)}}


@pytest.mark.parametrize("type_name", TYPES)
def test_absurd_parameters(type_name, tmp_path):
    shapes, tops, values = parts(type_name, tmp_path)
    for key, cls in layer_types()[type_name].parameters.items():
        for field in fields_of(cls):
            for changed in changes(values, key, field):
                tracemalloc.start()
                try:
                    net_of(type_name, shapes, tops, built(type_name, changed))
                except PycaffeGeoError:
                    pass
                peak = tracemalloc.get_traced_memory()[1]
                tracemalloc.stop()
                assert peak < 4 * MAX_MEMORY, (key, changed[key])


def odd_shapes(shapes):
    """Yield the shapes with one axis of one bottom, or of all, 0 or 1, with another number of axes, and all of one odd shape."""
    for i, shape in enumerate(shapes):
        others = [shape[:a] + (n,) + shape[a + 1:] for a in range(len(shape)) for n in (0, 1)]
        for other in [*others, (), (3,), (2, 3, 4, 5, 2)]:
            yield [*shapes[:i], other, *shapes[i + 1:]]
    for a in range(min(map(len, shapes), default=0)):
        yield [shape[:a] + (0,) + shape[a + 1:] for shape in shapes]
    for same in ((), (0,), (1,), (2, 3, 0, 4)):
        yield [same] * len(shapes)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("type_name", TYPES)
def test_odd_shapes(type_name, tmp_path):
    shapes, tops, values = parts(type_name, tmp_path)
    for odd in odd_shapes(shapes):
        try:
            net = net_of(type_name, odd, tops, built(type_name, values))
            net.forward()
            net.backward()
        except PycaffeGeoError:
            pass
