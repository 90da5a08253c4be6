"""Which layers of a net compute in float16, and the casts between them and the others.

Convolutions, deconvolutions and inner products do. So do the layers that only rectify, join, cut, pool or normalise (`half` of
Layer says "follows") where all that they read is float16, or where all that reads them is a convolution or inner product, which
would round it anyway. All others compute in float32: data, activations whose results are predictions, geometry (a coordinate
of 416 pixels in float16 is wrong by up to 1/8 pixel), softmax and losses, with their long sums; every layer with a loss weight;
and convolutions with fixed weights (lr_mult 0), which measure slopes or enlarge results. Parameters are float32; a layer that
computes in float16 works on copies.
"""

from dataclasses import replace

import numpy as np

from pycaffe_geo.blob import Blob
from pycaffe_geo.layer import layer_class
from pycaffe_geo.spec import LayerDef

HALF, SINGLE = "float16", "float32"


def insert_casts(net):
    """Return (NetDef with Cast layers where a layer reads a blob of the other precision, {blob name: dtype}) of a NetDef of one
    state. A blob x is cast to the blob x_float16 or x_float32."""
    halves = _half_blobs(net)
    layers, cast = [], {}
    for layer in net.layers:
        wanted = _is_half(layer, halves)
        bottoms = []
        for k, name in enumerate(layer.bottom):
            cls = layer_class(layer.type)
            if (name in halves) == wanted or cls.half and k in cls.no_gradient:  # Crop and Resize read but the size of bottom 1
                bottoms.append(name)
                continue
            other = HALF if wanted else SINGLE
            if name not in cast:
                cast[name] = f"{name}_{other}"
                layers.append(LayerDef(cast[name], "Cast", (name,), (cast[name],), place=layer.place))
            bottoms.append(cast[name])
        layers.append(replace(layer, bottom=tuple(bottoms)))
    dtypes = {top: HALF if top in halves else SINGLE for layer in net.layers for top in layer.top}
    dtypes |= {copy: SINGLE if name in halves else HALF for name, copy in cast.items()}
    return replace(net, layers=tuple(layers)), dtypes


def _half_blobs(net):
    """Return the names of the blobs that are float16: all that write one compute so. Barring one may bar others."""
    readers = {}
    for layer in net.layers:
        for name in layer.bottom:
            readers.setdefault(name, []).append(layer_class(layer.type).half)
    barred = set()
    while True:
        halves, found = set(), set()
        for layer in net.layers:
            if _can_be_half(layer, halves, readers) and not barred & {*layer.top}:
                halves |= {*layer.top}
            else:
                found |= {*layer.top}
        if not halves & found:
            return halves
        barred |= halves & found


def _can_be_half(layer, halves, readers):
    cls = layer_class(layer.type)
    fixed = layer.param and layer.param[0].lr_mult == 0
    places = layer.type == "Pooling" and len(layer.top) == 2  # of maxima: numbers above 2048 that have to be exact
    if not cls.half or places or any(layer.loss_weight) or fixed and cls.half == "always":
        return False
    if cls.half == "always" or all(name in halves for k, name in enumerate(layer.bottom) if k not in cls.no_gradient):
        return True
    return all(set(readers.get(top, [""])) == {"always"} for top in layer.top)


def _is_half(layer, halves):
    return bool(layer.top) and layer.top[0] in halves


class HalfCopies:
    """The parameters that a layer which computes in float16 works on, in place of its own of float32.

    Weights of convolutions and inner products are rounded to float16; biases, and the factors of Scale, are not.
    """

    def __init__(self, layer):
        self._layer = layer
        rounds = layer.half == "always"
        self._copies = [Blob(b.shape, HALF if rounds and len(b.shape) > 1 else b.dtype, b.device, b.name) for b in layer.blobs]

    def forward(self, bottom, top):
        """Run the layer forward on new copies."""
        self._copy()
        self._run(self._layer.forward, bottom, top)

    def forward_rectified(self, bottom, top):
        """As forward, with the layer's forward_rectified."""
        self._copy()
        self._run(self._layer.forward_rectified, bottom, top)

    def _copy(self):
        with np.errstate(over="ignore"):
            for copy, blob in zip(self._copies, self._layer.blobs):
                if copy.dtype == blob.dtype:
                    copy.share_data(blob)
                else:
                    copy.data[...] = blob.data

    def backward(self, top, propagate_down, bottom):
        """Run the layer backward and add what it gives, without the loss scale, to the diffs of its own parameters."""
        layer = self._layer
        for copy in self._copies:
            copy.clear_diff()
        self._run(layer.backward, top, propagate_down, bottom)
        for copy, blob, learns in zip(self._copies, layer.blobs, layer.param_propagate_down):
            if learns:
                blob.diff[...] += layer.xp.multiply(copy.diff, 1 / layer.loss_scale, dtype=blob.dtype)

    def _run(self, function, *arguments):
        layer, own = self._layer, self._layer.blobs
        layer.blobs = self._copies
        try:
            function(*arguments)
        finally:
            layer.blobs = own
