"""A Caffe-style deep-learning engine in Python for depth, ego-motion and object pose."""

import importlib
import os
import sys

if "numpy" not in sys.modules:  # else it is too late: see ops/openblas.py
    os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

__version__ = "0.1.0"

_HOMES = {
    "Net": "net",
    "Layer": "layer",
    "register": "layer",
    "Blob": "blob",
    "TRAIN": "spec",
    "TEST": "spec",
    "get_solver": "solvers",
    "check_layer": "gradient_check",
    "check_net": "gradient_check_net",
}


def __getattr__(name):
    """Load public names on first use, so that `import pycaffe_geo` stays fast."""
    if name not in _HOMES:
        raise AttributeError(f"module 'pycaffe_geo' has no attribute '{name}'")
    return getattr(importlib.import_module(f"pycaffe_geo.{_HOMES[name]}"), name)
