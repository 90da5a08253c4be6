"""How the kernels of this folder are compiled: by numba, for several threads, kept on disk.

A kernel calls no function of another file: numba would not see that change when it looks into its cache.
Every sum is made per row and the rows are added in their order: a result does not depend on the number of threads. Sums that may
take another order (REORDER) stand in helpers that write to no array: beside a write, a loop in vector registers runs only where
the arrays lie far enough from each other in memory, and a result would change from process to process.
"""

import logging

import numba
from numba.core import event

from pycaffe_geo.cache_folder import cache_folder

log = logging.getLogger(__name__)

CONTRACT = {"contract"}  # a product and a sum are rounded once; only for expressions where that can be done in one way
REORDER = {"reassoc", "contract", "nsz"}  # lets a sum use vector registers; NaN and infinity keep their meaning

numba.config.THREADING_LAYER_PRIORITY = ["omp", "tbb", "workqueue"]  # omp shares its threads with oneDNN


def kernel(function=None, *, parallel=True, fastmath=False):
    """Decorator: compile `function` on its first call; loops over numba.prange run in threads, unless it is not `parallel`."""
    if function is None:
        return lambda f: kernel(f, parallel=parallel, fastmath=fastmath)
    options = {"parallel": parallel, "error_model": "numpy", "fastmath": fastmath}
    chosen = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = chosen or str(cache_folder() / "kernels")  # NUMBA_CACHE_DIR is the user's
    try:
        return numba.njit(function, cache=True, **options)
    except RuntimeError:  # no folder can be written to
        return numba.njit(function, **options)
    finally:
        numba.config.CACHE_DIR = chosen


def helper(function=None, *, fastmath=False):
    """Decorator: compile `function` into the kernels of its file that call it."""
    if function is None:
        return lambda f: helper(f, fastmath=fastmath)
    return numba.njit(function, error_model="numpy", fastmath=fastmath)


class _Announcement(event.Listener):
    """Says once that kernels are compiled, which the disk's cache spares later runs."""

    said = False

    def on_start(self, event):
        if not self.said and event.data["dispatcher"].py_func.__globals__.get("__package__") == __package__:
            self.said = True
            log.warning("compiling kernels once (about 1 s each, up to 20 s); later runs load them")

    def on_end(self, event):
        """Nothing to say."""


event.register("numba:compile", _Announcement())
