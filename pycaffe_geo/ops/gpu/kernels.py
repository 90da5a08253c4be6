"""Compiles the CUDA sources of this folder, once per dtype and device, and launches their kernels.

A source starts with the text of common.cu. It names the type it computes in REAL, and some name that of the blobs' elements BLOB,
which may have 16 bits where REAL is float. Its kernels are `extern "C" __global__ void name(...)` over blocks of THREADS threads;
int, REAL and pointers are the only argument types.
"""

from functools import lru_cache
from pathlib import Path

import numpy as np

THREADS = 256  # of a block, as in common.cu
FOLDER = Path(__file__).parent
LEAST_RUN = 8 * THREADS  # values of a channel that one block adds up
MOST_RUNS = 64  # of a channel: one thread adds up their sums
MOST_IMAGES = 1024  # of a grid's z axis; further ones take turns
TYPES = {"float32": "float", "float64": "double"}


def source(name):
    """Return the CUDA C++ text of <name>.cu."""
    return "".join((FOLDER / f"{stem}.cu").read_text(encoding="utf-8") for stem in ("common", name))


def options(dtype):
    """Return the compiler's options for blobs of a dtype."""
    real = TYPES[np.promote_types(dtype, "float32").name]
    return f"-DREAL={real}", f"-DBLOB={TYPES.get(np.dtype(dtype).name, 'Half')}"


def blocks(count):
    """Return how many blocks have a thread for each of `count` elements."""
    return -(-count // THREADS)


def runs(count):
    """Return how many of the `count` values of a channel one block adds up, and how many blocks that takes."""
    run = max(LEAST_RUN, -(-count // MOST_RUNS))
    return run, -(-count // run)


def channel_grid(shape):
    """Return the grid with a thread for each pixel of each channel of an array (N, C, size)."""
    batch, channels, size = shape
    return blocks(size), channels, min(batch, MOST_IMAGES)


@lru_cache
def kernels(name, device, dtype):
    """Return the Kernels of <name>.cu for blobs of `dtype`."""
    return Kernels(name, device, np.dtype(dtype))


class Kernels:
    """The kernels of one source. `real` is the type of its REAL."""

    def __init__(self, name, device, dtype):
        self.real = np.promote_types(dtype, "float32").type
        self._module = device.compile(source(name), options(dtype))
        self._functions = {}

    def launch(self, name, grid, *arguments):
        """Run the kernel `name` over a grid (x, y, z) of blocks; an empty grid does nothing.

        An int is passed as int, a float as REAL, an array as the pointer to its (C-contiguous) elements, None as a null pointer.
        """
        if 0 in grid:
            return
        if name not in self._functions:
            self._functions[name] = self._module.get_function(name)
        self._functions[name](grid, (THREADS, 1, 1), tuple(map(self._argument, arguments)))

    def _argument(self, value):
        if value is None:
            return np.uint64(0)
        if isinstance(value, int):
            return np.int32(value)
        return self.real(value) if isinstance(value, float) else value


class Scratch:
    """A buffer for partial sums that grows and is kept: its address does not change while sizes do not."""

    def __init__(self, device, dtype):
        self._device, self._dtype = device, dtype
        self._buffer = None

    def get(self, count):
        """Return an array of at least `count` elements, with any values."""
        if self._buffer is None or self._buffer.size < count:
            self._buffer = self._device.xp.empty(max(count, 1), self._dtype)
            self._device.moves += 1
        return self._buffer
