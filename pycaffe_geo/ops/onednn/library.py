"""oneDNN 3.2 (libdnnl of the PyPI package onednn-cpu-gomp) through ctypes: found, loaded and declared once."""

import ctypes
import functools
import importlib.metadata
import logging
import os
from ctypes import c_char, c_float, c_int, c_int64, c_size_t, c_void_p

import numpy as np

from pycaffe_geo.ops.engines import fast_allowed
from pycaffe_geo.ops.openblas import calm_openblas

log = logging.getLogger(__name__)

PACKAGE, VERSION = "onednn-cpu-gomp", "2023.2.0"
CPU_ENGINE, IN_ORDER, FLOAT32, ANY, USER_SCRATCHPAD = 1, 1, 3, 1, 1  # values of the C API's enumerations
MOST = 1 << 20  # the longest kernel and stride that may reach oneDNN, whose loops count in 32 bits

_out, _dims, _handle = ctypes.POINTER(c_void_p), c_int64 * 12, c_void_p
_geometry = [_dims] * 4 + [_handle]  # strides, dilation, pad before, pad after; attributes or forward descriptor
FUNCTIONS = {  # name without "dnnl_": argument types; all but those in RESULTS return a status
    "engine_create": [_out, c_int, c_size_t],
    "stream_create": [_out, _handle, c_int],
    "memory_desc_create_with_strides": [_out, c_int, _dims, c_int, _dims],
    "memory_desc_create_with_tag": [_out, c_int, _dims, c_int, c_int],
    "memory_desc_clone": [_out, _handle],
    "memory_desc_destroy": [_handle],
    "memory_desc_equal": [_handle, _handle],
    "memory_desc_get_size": [_handle],
    "memory_create": [_out, _handle, _handle, _handle],
    "memory_destroy": [_handle],
    "memory_set_data_handle": [_handle, _handle],
    "primitive_attr_create": [_out],
    "primitive_attr_set_scratchpad_mode": [_handle, c_int],
    "primitive_attr_set_post_ops": [_handle, _handle],
    "post_ops_create": [_out],
    "post_ops_append_sum": [_handle, c_float, ctypes.c_int32, c_int],
    "post_ops_append_prelu": [_handle, c_int],
    "reorder_primitive_desc_create": [_out] + [_handle] * 5,
    "convolution_forward_primitive_desc_create": [_out, _handle, c_int, c_int] + [_handle] * 4 + _geometry,
    "convolution_backward_data_primitive_desc_create": [_out, _handle, c_int] + [_handle] * 3 + _geometry + [_handle],
    "convolution_backward_weights_primitive_desc_create": [_out, _handle, c_int] + [_handle] * 4 + _geometry + [_handle],
    "pooling_forward_primitive_desc_create": [_out, _handle, c_int, c_int] + [_handle] * 2 + [_dims] + _geometry,
    "pooling_backward_primitive_desc_create": [_out, _handle, c_int] + [_handle] * 2 + [_dims] + _geometry + [_handle],
    "primitive_desc_query": [_handle, c_int, c_int, c_void_p],
    "primitive_desc_query_md": [_handle, c_int, c_int],
    "primitive_desc_destroy": [_handle],
    "primitive_create": [_out, _handle],
    "primitive_destroy": [_handle],
    "sgemm": [c_char] * 2 + [c_int64] * 3 + [c_float] + [_handle, c_int64] * 2 + [c_float, _handle, c_int64],
    "primitive_execute": [_handle, _handle, c_int, c_void_p],
}
RESULTS = {"memory_desc_equal": c_int, "memory_desc_get_size": c_size_t, "primitive_desc_query_md": c_void_p}


class OneDnnError(Exception):
    """A call of the C API failed, as one does that has no code for the sizes it is given."""


class Library:
    """The C functions by their names without `dnnl_` (a failure raises OneDnnError), and the objects all primitives share:
    the CPU engine, its stream, and the attributes of a primitive (`adding`: one that adds its result to what is there;
    `leaking`: one that multiplies what is below 0 in its result by a number)."""

    def __init__(self, path):
        self._dll = ctypes.CDLL(str(path))
        for name, arguments in FUNCTIONS.items():
            setattr(self, name, self._declare(name, arguments))
        self.engine, self.stream, self.attributes, self.adding, self.leaking = (c_void_p() for _ in range(5))
        self.engine_create(self.engine, CPU_ENGINE, 0)
        self.stream_create(self.stream, self.engine, IN_ORDER)
        for attributes in (self.attributes, self.adding, self.leaking):
            self.primitive_attr_create(attributes)
            self.primitive_attr_set_scratchpad_mode(attributes, USER_SCRATCHPAD)
        add, leak = c_void_p(), c_void_p()
        self.post_ops_create(add)
        self.post_ops_append_sum(add, 1, 0, 0)
        self.primitive_attr_set_post_ops(self.adding, add)
        self.post_ops_create(leak)
        self.post_ops_append_prelu(leak, 0)
        self.primitive_attr_set_post_ops(self.leaking, leak)
        # The threads of OpenMP do not live on in a forked child: there everything runs on its one thread.
        os.register_at_fork(after_in_child=lambda: self._dll.omp_set_num_threads(1))

    def threads(self):
        """Return how many threads OpenMP uses now; a primitive keeps the number it was made with."""
        return self._dll.omp_get_max_threads()

    def _declare(self, name, arguments):
        function = getattr(self._dll, f"dnnl_{name}")
        function.argtypes, function.restype = arguments, RESULTS.get(name, c_int)
        if name not in RESULTS:
            function.errcheck = functools.partial(_check, name)
        return function


def _check(name, status, function, arguments):
    if status:
        raise OneDnnError(f"oneDNN: dnnl_{name} returned status {status}")


def dims(values):
    """Return numbers as the C API's dnnl_dims_t."""
    return _dims(*values)


def library(device, dtype):
    """Return the Library, or None where it is not allowed (ops/engines.py), not installed, does not load, or not for dtype."""
    return _load() if dtype == np.float32 and fast_allowed(device, dtype) else None


@functools.cache
def _load():
    try:
        package = importlib.metadata.distribution(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        log.info("oneDNN is not installed (pip install 'pycaffe_geo[fast]'): convolution, pooling and products run on NumPy")
        return None
    try:
        if package.version != VERSION:
            raise OSError(f"version {package.version}, expected {VERSION}")
        paths = [f.locate() for f in package.files or () if f.name == "libdnnl.so.3"]
        if not paths:
            raise OSError("the package has no libdnnl.so.3")
        found = Library(paths[0])
    except (OSError, AttributeError, OneDnnError) as e:
        log.warning("%s cannot be used: %s; convolution, pooling and products run on NumPy", PACKAGE, e)
        return None
    calm_openblas()
    return found
