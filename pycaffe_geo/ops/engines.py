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


def gpu_allowed(device, dtype):
    """True where the CUDA kernels of ops.gpu may be used: on a GPU, for float32 and float64, unless forbidden as above."""
    return device.compiles and np.dtype(dtype) in ("float32", "float64") and os.environ.get("PYCAFFE_GEO_ENGINES") != "numpy"


def fast(name, device, dtype):
    """Return the module of compiled kernels pycaffe_geo.ops.fast.<name>, or None where the reference has to do (no numba)."""
    return _load(name) if fast_allowed(device, dtype) else None


@lru_cache
def _load(name):
    if importlib.util.find_spec("numba") is None:
        return None
    try:
        return importlib.import_module(f"pycaffe_geo.ops.fast.{name}")
    except ImportError as e:  # numba refuses a NumPy newer than it knows
        log.warning("numba cannot be used (%s): slower NumPy code runs instead (%s)", e, name)
        return None
