"""NumPy's OpenBLAS beside oneDNN: its threads wait busily for work, on the cores where OpenMP's threads should run."""

import ctypes
import logging
import os
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)

SETTERS = ("scipy_openblas_set_num_threads64_", "openblas_set_num_threads64_")  # of NumPy's wheels, new and old


def calm_openblas():
    """Let OpenBLAS use one thread, unless its threads go to sleep early: oneDNN would be several times slower beside them.

    pycaffe_geo/__init__.py asks for that sleep by OPENBLAS_THREAD_TIMEOUT, which OpenBLAS reads when NumPy is imported: where
    NumPy came first, one thread is what is left. Another BLAS than that of NumPy's wheels stays as it is.
    """
    if "OPENBLAS_THREAD_TIMEOUT" in os.environ:
        return
    for path in (Path(np.__file__).parent.parent / "numpy.libs").glob("*openblas*.so*"):
        library = ctypes.CDLL(str(path))
        for name in SETTERS:
            if hasattr(library, name):
                getattr(library, name)(1)
                log.info("NumPy was imported before pycaffe_geo: its matrix products use one thread beside oneDNN")
