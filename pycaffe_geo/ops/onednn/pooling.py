"""Pooling plans that run on oneDNN (see plan_pooling in ops/pooling.py for what a plan does)."""

import numpy as np

from pycaffe_geo.ops.onednn.library import MOST, OneDnnError, dims, library
from pycaffe_geo.ops.onednn.primitive import DIFF_DST, DIFF_SRC, DST, SRC, WORKSPACE, Descriptor, Memory, Primitive

FORWARD_TRAINING = 64
METHODS = {"MAX": 0x1FF, "AVE": 0x2FF}  # of the C API; this average counts the pad
LOWEST = -np.finfo(np.float32).max


def onednn_pooling(method, x_shape, rows, columns, dtype, device):
    """Return a OneDnnPooling, or None where oneDNN is absent, has no code for these sizes, or other rules for these windows.

    rows, columns: the windows of both axes as ops/pooling.py describes them. Windows that reach beyond the padded image have
    another mean in oneDNN, and those without any pixel another maximum.
    """
    found = library(device, dtype)
    if found is None or not all(x_shape) or max(rows.kernel, rows.stride, columns.kernel, columns.stride) > MOST:
        return None
    if method == "AVE" and not all((w.lengths == w.kernel).all() for w in (rows, columns)):
        return None
    if not all(((w.starts < size) & (w.starts + w.kernel > 0)).all() for w, size in zip((rows, columns), x_shape[2:])):
        return None
    try:
        return OneDnnPooling(found, method, x_shape, rows, columns)
    except OneDnnError:
        return None


class OneDnnPooling:
    """Maximum or mean of each window on plain NCHW arrays. Primitives are made again when the number of threads changes.

    Of equal maxima the first in row-major order gets the gradient. A NaN among numbers is passed over, as in Caffe; a window of
    nothing but NaN gives NaN, so that a broken layer below stays visible.
    """

    def __init__(self, library, method, x_shape, rows, columns):
        self._library, self._method, self._x_shape = library, method, x_shape
        self.out_shape = (*x_shape[:2], rows.count, columns.count)
        axes = list(zip((rows, columns), x_shape[2:]))
        before = [-int(w.starts[0]) for w, _ in axes]
        after = [int(w.starts[-1]) + w.kernel - size for w, size in axes]
        sizes = (rows.stride, columns.stride), (rows.kernel, columns.kernel), (0, 0), before, after
        self._geometry = [dims(a) for a in sizes]
        self._build()

    def forward(self, x, y):
        if self._threads != self._library.threads():
            self._build()
        self._forward.run({SRC: self._x.at(x), DST: self._y.at(y), **self._winners()})
        if self._method == "MAX" and y.min() == LOWEST and np.isnan(x).any():
            y[y == LOWEST] = np.nan

    def backward(self, dy, dx):
        self._backward.run({DIFF_DST: self._y.at(dy), DIFF_SRC: self._x.at(dx), **self._winners()})

    def _winners(self):
        return {WORKSPACE: self._workspace.at(self._winner)} if self._workspace.bytes else {}

    def _build(self):
        library, method = self._library, METHODS[self._method]
        self._threads = library.threads()
        x, y = Descriptor.plain(library, self._x_shape), Descriptor.plain(library, self.out_shape)
        self._forward = Primitive(library, library.pooling_forward_primitive_desc_create, library.engine, FORWARD_TRAINING,
                                  method, x, y, *self._geometry, library.attributes)
        self._backward = Primitive(library, library.pooling_backward_primitive_desc_create, library.engine, method,
                                   x, y, *self._geometry, self._forward.descriptor, library.attributes)
        self._x, self._y = Memory(library, x), Memory(library, y)
        self._workspace = Memory(library, self._forward.layout(WORKSPACE))
        self._winner = np.empty(self._workspace.bytes, np.uint8)
