"""Convolution plans that run on oneDNN (see plan_convolution in ops/convolution.py for what a plan does)."""

import numpy as np

from pycaffe_geo.ops.onednn.library import MOST, OneDnnError, dims, library
from pycaffe_geo.ops.onednn.primitive import (
    BIAS, DIFF_DST, DIFF_SRC, DIFF_WEIGHTS, DST, LEAK, SHARED, SRC, WEIGHTS, Descriptor, Memory, Port, Primitive, Scratch,
)

FORWARD_TRAINING, DIRECT = 64, 1
NO_LEAK = np.array([-0.0], np.float32)  # times a number below 0 gives 0, times NaN NaN: oneDNN's own ReLU makes 0 of NaN
FEW_CHANNELS = 4  # of an image: its gradient comes faster from a plain layout than padded to a vector of channels


def onednn_convolution(x_shape, w_shape, size, stride, pad, dilation, group, dtype, device, channels=None):
    """Return an OneDnnConvolution, or None where oneDNN is absent or has no code for these sizes.

    channels: only the first of them count (of one group); the arrays are whole all the same.
    """
    found = library(device, dtype)
    reach = [d * (k - 1) for d, k in zip(dilation, w_shape[2:])]
    if found is None or not all(x_shape) or any(p > r for p, r in zip(pad, reach)) or max(*reach, *stride) > MOST:
        return None
    try:
        return OneDnnConvolution(found, x_shape, w_shape, size, stride, pad, dilation, group, channels)
    except OneDnnError:
        return None


class OneDnnConvolution:
    """Convolution by oneDNN's primitives, each in the layouts it likes best; arrays outside stay plain NCHW.

    Primitives are made once, and again when the number of threads changes: it is part of a primitive.
    """

    def __init__(self, library, x_shape, w_shape, size, stride, pad, dilation, group, channels=None):
        self.out_shape = (x_shape[0], w_shape[0], *size)
        self._library = library
        if group > 1:
            w_shape = (group, w_shape[0] // group, *w_shape[1:])
        self._arrays = self._x_shape, self._w_shape = x_shape, w_shape
        if channels:
            self._x_shape, self._w_shape = ((s[0], channels, *s[2:]) for s in self._arrays)
        self._pointwise = (*w_shape[-2:], *stride, *pad) == (1, 1, 1, 1, 0, 0)
        self._geometry = [dims(stride), dims(d - 1 for d in dilation), dims(pad), dims(pad)]
        self._no_bias = np.zeros(self.out_shape[1], np.float32)
        self._kept = Scratch()  # x in its layout, from forward to backward_weights
        self._build()

    def forward(self, x, w, b, y):
        self._match_threads()
        self._run_forward(self._forward, x, w, b, y, {})

    def forward_rectified(self, x, w, b, y):
        self._match_threads()
        self._run_forward(self._rectified, x, w, b, y, {LEAK: self._no_leak})

    @property
    def rectifies(self):
        """False where oneDNN's code for these sizes is another, slow one when it is to rectify as well."""
        return self._rectified is not None

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        self._match_threads()
        dy_port, w_port, dx_port = self._data_ports
        dy = dy_port.load(dy, dy_unchanged)
        self._data.run({DIFF_DST: dy, WEIGHTS: w_port.load(w), DIFF_SRC: dx_port.target(dx)})
        dx_port.store(dx)

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        self._match_threads()
        x_port, dy_port, dw_port = self._weights_ports
        self._weights.run({SRC: x_port.load(x, x_unchanged), DIFF_DST: dy_port.load(dy), DIFF_WEIGHTS: dw_port.target(dw)})
        dw_port.store(dw)

    def backward_bias(self, dy, db):
        db += dy.reshape(*self.out_shape[:2], -1).sum(2).sum(0)

    def _run_forward(self, primitive, x, w, b, y, more):
        x_port, w_port, b_port, y_port = self._forward_ports
        bias = b_port.load(self._no_bias if b is None else b)
        primitive.run({SRC: x_port.load(x), WEIGHTS: w_port.load(w), BIAS: bias, DST: y_port.target(y), **more})
        y_port.store(y)

    def _match_threads(self):
        if self._threads != self._library.threads():
            self._build()

    def _build(self):
        library = self._library
        self._threads = library.threads()
        x, w = (Descriptor.plain(library, s, array) for s, array in zip((self._x_shape, self._w_shape), self._arrays))
        y, b = (Descriptor.plain(library, s) for s in (self.out_shape, self.out_shape[1:2]))
        ports = {}

        def port(name, plain, wanted, scratch=SHARED, adds=False):
            """Return a port, the same one for the same name and layout."""
            same = [p for p in ports.setdefault(name, []) if p.wanted == wanted]
            if not same:
                ports[name].append(Port(library, plain, wanted, scratch, name, adds))
            return (same or ports[name][-1:])[0]

        def operands(plain):
            return [Descriptor.plain(library, s) if plain else Descriptor.any(library, s)
                    for s in (self._x_shape, self._w_shape, self.out_shape)]

        engine = library.engine
        any_x, any_w, any_y = operands(self._pointwise)
        forward = Primitive(library, library.convolution_forward_primitive_desc_create, engine, FORWARD_TRAINING, DIRECT,
                            any_x, any_w, b, any_y, *self._geometry, library.attributes)
        self._forward = forward
        self._forward_ports = (port("x", x, forward.layout(SRC), self._kept), port("w", w, forward.layout(WEIGHTS)),
                               port("b", b, b), port("y", y, forward.layout(DST)))
        self._rectified = self._rectify(forward, b)
        self._no_leak = Memory(library, Descriptor.plain(library, (1, 1, 1, 1))).at(NO_LEAK)
        weights = Primitive(library, library.convolution_backward_weights_primitive_desc_create, engine, DIRECT,
                            any_x, any_w, None, any_y, *self._geometry, forward.descriptor, library.attributes)
        self._weights = weights
        self._weights_ports = (port("x", x, weights.layout(SRC), self._kept), port("y", y, weights.layout(DIFF_DST)),
                               port("dw", w, weights.layout(DIFF_WEIGHTS), adds=True))
        any_x, any_w, any_y = operands(self._pointwise or self._x_shape[1] <= FEW_CHANNELS)
        data = Primitive(library, library.convolution_backward_data_primitive_desc_create, engine, DIRECT,
                         any_x, any_w, any_y, *self._geometry, forward.descriptor, library.attributes)
        self._data = data
        self._data_ports = (port("y", y, data.layout(DIFF_DST)), port("w", w, data.layout(WEIGHTS)),
                            port("dx", x, data.layout(DIFF_SRC)))

    def _rectify(self, forward, b):
        """Return a primitive like `forward` that also writes 0 for what is below it, or None where that has no code as fast:
        after a product of matrices oneDNN's rectifying is much slower than ours."""
        if b"gemm" in forward.implementation:
            return None
        library, layouts = self._library, [forward.layout(operand) for operand in (SRC, WEIGHTS, DST)]
        try:
            rectified = Primitive(library, library.convolution_forward_primitive_desc_create, library.engine, FORWARD_TRAINING,
                                  DIRECT, *layouts[:2], b, layouts[2], *self._geometry, library.leaking)
        except OneDnnError:
            return None
        return rectified if rectified.implementation == forward.implementation else None
