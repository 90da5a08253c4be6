"""Convolution by cuDNN: the graphs of nvidia-cudnn-frontend (its module is called cudnn) on the addresses of our arrays."""

import importlib
import importlib.util
import logging
from functools import lru_cache

import numpy as np

from pycaffe_geo.ops.engines import gpu_allowed
from pycaffe_geo.ops.gpu.kernels import Scratch

log = logging.getLogger(__name__)

X, W, Y = 1, 2, 3  # the tensors' numbers in every graph
TYPES = {"float16": "HALF", "float32": "FLOAT", "float64": "DOUBLE"}


def cudnn_convolution(x_shape, w_shape, size, stride, pad, dilation, group, dtype, device):
    """Return a CudnnConvolution, or None where cuDNN is absent or has no code for these sizes."""
    library = _library(device) if gpu_allowed(device, dtype, half=True) else None
    if library is None or not all(x_shape):
        return None
    try:
        return CudnnConvolution(library, x_shape, w_shape, size, stride, pad, dilation, np.dtype(dtype))
    except library.cudnn.cudnnGraphNotSupportedError as e:
        log.info("cuDNN cannot convolve %s with %s: %s", x_shape, w_shape, e)
        return None


class CudnnConvolution:
    """A plan as ops.convolution.plan_convolution returns. The group follows from the channels of x and w."""

    def __init__(self, library, x_shape, w_shape, size, stride, pad, dilation, dtype):
        self.out_shape = (x_shape[0], w_shape[0], *size)
        self._library = library
        shapes = {X: tuple(x_shape), W: tuple(w_shape), Y: self.out_shape}
        geometry = tuple(stride), tuple(pad), tuple(dilation)
        self._forward, self._data, self._weights = (library.graph(result, shapes, geometry, dtype) for result in (Y, X, W))
        self._dw = library.device.xp.empty(w_shape, dtype)

    def forward(self, x, w, b, y):
        self._library.run(self._forward, {X: x, W: w, Y: y})
        if b is not None:
            y += b[:, None, None]

    def backward_data(self, dy, w, dx, dy_unchanged=False):
        self._library.run(self._data, {Y: dy, W: w, X: dx})

    def backward_weights(self, x, dy, dw, x_unchanged=False):
        self._library.run(self._weights, {X: x, Y: dy, W: self._dw})
        dw += self._dw.reshape(dw.shape)

    def backward_bias(self, dy, db):
        db += dy.reshape(*self.out_shape[:2], -1).sum(2, dtype=db.dtype).sum(0)


@lru_cache
def _library(device):
    """Return the CudnnLibrary of a device, or None with one notice."""
    if importlib.util.find_spec("cudnn") is None:
        log.warning("cuDNN is not installed: convolutions run slower, as matrix products (pip install 'pycaffe_geo[cudnn13]')")
        return None
    try:
        return CudnnLibrary(importlib.import_module("cudnn"), device)
    except (ImportError, OSError, RuntimeError) as e:  # no libcudnn, or one that does not fit the driver
        log.warning("cuDNN cannot be used (%s): convolutions run slower, as matrix products", e)
        return None


class CudnnLibrary:
    """The handle of one device, the graphs built on it, and the workspace that they share, one after the other."""

    def __init__(self, cudnn, device):
        self.cudnn, self.device = cudnn, device
        self._handle = cudnn.create_handle()
        self._workspace = Scratch(device, "uint8")
        self._room = 0  # bytes of workspace that the graphs need
        self._graphs = {}

    def graph(self, result, shapes, geometry, dtype):
        """Return the graph that makes tensor `result` of the other two, the same one for equal sizes.

        shapes: {X: ..., W: ..., Y: ...}; geometry: (stride, pad, dilation), each (vertical, horizontal). Raises cuDNN's
        cudnnGraphNotSupportedError.
        """
        key = result, *shapes.values(), *geometry, dtype, self.device.tf32, self.device.deterministic
        if key not in self._graphs:
            self._graphs[key] = graph = self._build(result, shapes, geometry, dtype)
            self._room = max(self._room, graph.get_workspace_size())
        return self._graphs[key]

    def run(self, graph, arrays):
        """Run a graph on {tensor: contiguous array} on the stream that work is given to now."""
        address = self.device.address
        self.cudnn.set_stream(handle=self._handle, stream=self.device.stream())
        pointers = {number: address(array) for number, array in arrays.items()}
        graph.execute(pointers, address(self._workspace.get(self._room)), handle=self._handle)

    def _build(self, result, shapes, geometry, dtype):
        kind, wide = (getattr(self.cudnn.data_type, TYPES[t.name]) for t in (dtype, np.promote_types(dtype, "float32")))
        graph = self.cudnn.pygraph(handle=self._handle, io_data_type=kind, intermediate_data_type=wide, compute_data_type=wide)
        tensors = {number: graph.tensor(dim=list(shape), stride=_strides(shape), data_type=kind).set_uid(number)
                   for number, shape in shapes.items() if number != result}
        stride, pad, dilation = map(list, geometry)
        options = {"pre_padding": pad, "post_padding": pad, "stride": stride, "dilation": dilation}
        if result == Y:
            made = graph.conv_fprop(image=tensors[X], weight=tensors[W], **options)
        elif result == X:
            made = graph.conv_dgrad(loss=tensors[Y], filter=tensors[W], **options)
        else:
            made = graph.conv_wgrad(image=tensors[X], loss=tensors[Y], **options)
        shape = shapes[result]
        made.set_output(True).set_uid(result).set_data_type(kind).set_dim(list(shape)).set_stride(_strides(shape))
        graph.validate()
        graph.build_operation_graph()
        graph.create_execution_plans([self.cudnn.heur_mode.A, self.cudnn.heur_mode.FALLBACK])
        barred = self._barred(dtype)
        if barred:
            graph.deselect_numeric_notes(barred)
        graph.check_support()
        graph.build_plans()
        return graph

    def _barred(self, dtype):
        """Return cuDNN's notes on the engines that must not run."""
        notes = self.cudnn.numerical_note
        barred = [notes.NONDETERMINISTIC] if self.device.deterministic else []
        if dtype == "float32" and not self.device.tf32:
            barred += [notes.TENSOR_CORE, notes.DOWN_CONVERT_INPUTS]
        return barred


def _strides(shape):
    """Return the strides of a C-contiguous tensor, in elements."""
    return [int(np.prod(shape[i + 1:], dtype=np.int64)) for i in range(len(shape))]
