"""How many threads the OpenBLAS of NumPy's wheels uses: they would get in the way of oneDNN's, and of ours (threads.py)."""

import ctypes
import functools
import logging
import os
from pathlib import Path

import numpy as np

log = logging.getLogger(__name__)

PREFIXES = ("scipy_openblas", "openblas")  # of the functions' names, in new wheels and old


def threads():
    """Return how many threads a product of matrices may use, or 1 where that cannot be set: with another BLAS than theirs."""
    functions = _functions()
    return functions[0]() if functions else 1


def set_threads(count):
    """Let products of matrices use `count` threads. Another BLAS than that of NumPy's wheels stays as it is."""
    functions = _functions()
    if functions:
        functions[1](count)


def calm_openblas():
    """Let OpenBLAS use one thread, unless its threads go to sleep early: oneDNN would be several times slower beside them.

    pycaffe_geo/__init__.py asks for that sleep by OPENBLAS_THREAD_TIMEOUT, which OpenBLAS reads when NumPy is imported: where
    NumPy came first, one thread is what is left: its threads wait busily for work, on the cores where OpenMP's should run.
    """
    if "OPENBLAS_THREAD_TIMEOUT" in os.environ or not _functions():
        return
    set_threads(1)
    log.info("NumPy was imported before pycaffe_geo: its matrix products use one thread beside oneDNN")


@functools.cache
def _functions():
    """Return OpenBLAS's functions (get the number of threads, set it), or None."""
    numpy = Path(np.__file__).parent
    for path in (*(numpy.parent / "numpy.libs").glob("*openblas*"), *(numpy / ".dylibs").glob("*openblas*")):
        library = ctypes.CDLL(str(path))
        for prefix in PREFIXES:
            names = (f"{prefix}_{verb}_num_threads64_" for verb in ("get", "set"))
            found = [getattr(library, name, None) for name in names]
            if all(found):
                return found
    return None
