"""Networks whose data layers are replaced by inputs of given shapes, for tools that need no data."""

from dataclasses import replace

from pycaffe_geo.errors import SpecError, listed, nearest
from pycaffe_geo.layer import layer_class
from pycaffe_geo.layers.input import BlobShape, InputParam


def replace_data(net, shapes):
    """Return the NetDef `net` (of one phase) with Input layers instead of the data layers that make a top of `shapes`.

    shapes: {top: shape}. SpecError names a top that no data layer makes, and tops of a replaced layer without a shape.
    """
    made = [top for layer in net.layers if layer_class(layer.type).is_data for top in layer.top]
    for name in shapes:
        if name not in made:
            raise SpecError(f"no data layer makes '{name}'{nearest(name, made)} (data layers make {listed(made)})")
    return replace(net, layers=tuple(_replaced(layer, shapes) for layer in net.layers))


def _replaced(layer, shapes):
    if not layer_class(layer.type).is_data or not set(layer.top) & set(shapes):
        return layer
    missing = [top for top in layer.top if top not in shapes]
    if missing:
        raise SpecError(f"layer '{layer.name}' ({layer.type}) also makes {listed(missing)}: give their shapes too")
    parameters = {"input_param": InputParam(tuple(BlobShape(tuple(shapes[top])) for top in layer.top))}
    return replace(layer, type="Input", parameters=parameters, param=())


def fill_inputs(net, seed=0):
    """Write random values, keyed by `seed`, to the inputs of `net`; plausible ones for what their names and shapes say."""
    import numpy as np

    from pycaffe_geo.gradient_check_net import sample

    rng = np.random.default_rng(seed)
    for name in net.inputs:
        blob = net.blobs[name]
        blob.data[...] = net.device.asarray(sample(name, blob.shape, rng), dtype=blob.dtype)
