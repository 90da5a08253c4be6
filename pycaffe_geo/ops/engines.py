"""Which engine runs an op: the reference (NumPy or CuPy), or a faster one where it is installed, fits and is allowed."""

import importlib
import importlib.util
import logging
import os
from functools import lru_cache

import numpy as np

log = logging.getLogger(__name__)


def fast_allowed(device, dtype):
    """True where engines beside the reference may be used: on the CPU, for float32 and float64.

    PYCAFFE_GEO_ENGINES=numpy in the environment forbids them all.
    """
    return device.xp is np and np.dtype(dtype) in ("float32", "float64") and os.environ.get("PYCAFFE_GEO_ENGINES") != "numpy"


def gpu_allowed(device, dtype, half=False):
    """True where the CUDA kernels of ops.gpu may be used: on a GPU, for float32 and float64, unless forbidden as above.

    half: they do for float16 too.
    """
    dtypes = ("float16", "float32", "float64") if half else ("float32", "float64")
    return device.compiles and np.dtype(dtype) in dtypes and os.environ.get("PYCAFFE_GEO_ENGINES") != "numpy"


def fast(name, device, dtype):
    """Return the module of compiled kernels pycaffe_geo.ops.fast.<name>, or None where the reference has to do (no numba)."""
    return _load(name) if fast_allowed(device, dtype) else None


def own_asked(engine, device):
    """True where a layer's `engine` is CAFFE, which asks for our own code. CUDNN on a CPU is DEFAULT, and that is told once."""
    if engine == "CUDNN" and device.index is None:
        _tell_that_cudnn_needs_a_gpu()
    return engine == "CAFFE"


@lru_cache
def _tell_that_cudnn_needs_a_gpu():
    log.warning("engine: CUDNN is asked for, which needs a GPU: on the CPU it means DEFAULT")


@lru_cache
def _load(name):
    if importlib.util.find_spec("numba") is None:
        return None
    try:
        return importlib.import_module(f"pycaffe_geo.ops.fast.{name}")
    except ImportError as e:  # numba refuses a NumPy newer than it knows
        log.warning("numba cannot be used (%s): slower NumPy code runs instead (%s)", e, name)
        return None
