"""All cores for one op of NumPy: a few threads run its parts at the same time, each with scratch of its own.

How many parts: as many as NumPy's OpenBLAS has threads, which must use one for each product of matrices meanwhile. So
OPENBLAS_NUM_THREADS and OMP_NUM_THREADS count, and with another BLAS there is one part and everything runs as it would without.
"""

import math
import os
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from functools import partial
from threading import Lock

import numpy as np

from pycaffe_geo.ops import openblas

MOST = 16  # with more threads Python itself would be what they wait for
SMALL = 1 << 20  # multiplications; less work than that takes no longer than it takes to hand out parts
FEW = 1 << 16  # elements that are worth no parts either
FLAT = 64  # rows; so few times a transposed matrix are faster made by OpenBLAS as the columns of the transposed product
CACHED = 1 << 19  # elements of some channels that a thread works on at a time: what it reads again is then still in the cache
BLOCK = 1 << 18  # elements of a product made at a time where it is added: adding it then stays in the cache


def parts():
    """Return the number of parts that work is to be cut into."""
    with _threads.lock:  # while others are at work OpenBLAS has one thread
        return min(openblas.threads(), MOST)


def worth(device, shape):
    """True where work on arrays of this shape is to be shared: where they are NumPy's, large, and there are several threads."""
    return device.xp is np and math.prod(shape) >= FEW and parts() > 1


class Scratch:
    """Memory of one part, for one op after the other: it grows to the largest use."""

    def __init__(self):
        self._bytes = np.empty(0, np.uint8)

    def take(self, dtype, *shapes):
        """Return arrays of these shapes that hold any values. What was taken before is lost."""
        sizes = [math.prod(shape) * dtype.itemsize for shape in shapes]
        starts = [sum(-(-size // 64) * 64 for size in sizes[:i]) for i in range(len(sizes))]
        if starts[-1] + sizes[-1] > self._bytes.size:
            self._bytes = None  # what it was must not be held beside what it will be
            self._bytes = np.empty(starts[-1] + sizes[-1], np.uint8)
        return [self._bytes[a:a + n].view(dtype).reshape(s) for a, n, s in zip(starts, sizes, shapes)]


class _Threads:
    """The threads, which are made when first needed, and the scratch of each part."""

    def __init__(self):
        self.lock = Lock()
        self.scratch = [Scratch() for _ in range(MOST)]
        self._executor = None

    def run(self, function, count):
        if count == 1:
            return [function(0, self.scratch[0])]
        self._executor = self._executor or ThreadPoolExecutor(MOST - 1, "pycaffe_geo")
        errors, call = np.geterr(), np.geterrcall()  # NumPy keeps both for each thread
        others = [self._executor.submit(_run_with, errors, call, function, i, self.scratch[i]) for i in range(1, count)]
        try:
            first = function(0, self.scratch[0])
        finally:
            wait(others)  # nothing may still be written when the caller goes on
        return [first, *(other.result() for other in others)]


def _run_with(errors, call, function, part, scratch):
    with np.errstate(call=call, **errors):
        return function(part, scratch)


@contextmanager
def together(count):
    """Give a function run(function) that calls function(part, scratch) for part = 0 ... count - 1 at once, and returns a list of
    what they return; what is in the scratch stays until the end of the `with`. An error is raised once all parts have ended:
    that of the first part that has one. Several threads may be here: they take turns.
    """
    with _threads.lock:
        before = openblas.threads()
        openblas.set_threads(1)
        try:
            yield lambda function: _threads.run(function, count)
        finally:
            openblas.set_threads(before)


class SharedPlan:
    """A plan that is cut along an axis: one plan for each part of its arrays, `make(size of the part)`, which run at once.

    It has the `functions` of these plans; what they are given has that axis, `size` long, once `flat` has shaped it.
    """

    def __init__(self, make, size, axis=0, flat=lambda array: array, functions=("forward", "backward")):
        count = min(parts(), size)
        self._mine = [split(size, count, part) for part in range(count)]
        self._plans = [make(mine.stop - mine.start) for mine in self._mine]
        self._axis, self._flat = axis, flat
        for name in functions:
            setattr(self, name, partial(self._run, name))

    def _run(self, what, *arrays, **more):
        def call(part, scratch):
            place = (slice(None),) * self._axis + (self._mine[part],)
            cut = [None if a is None else self._flat(a)[place] for a in (*arrays, *more.values())]
            getattr(self._plans[part], what)(*cut[:len(arrays)], **dict(zip(more, cut[len(arrays):])))

        with together(len(self._plans)) as run:
            run(call)


def split(size, count, part):
    """Return the slice of range(size) that is this part's: `count` parts share it evenly."""
    return slice(size * part // count, size * (part + 1) // count)


def by_channels(shape, function):
    """Call function(few, scratch) for slices `few` of the channels of arrays (outer, channels, inner), as many at a time as stay
    in the cache; the threads share them."""
    outer, channels, inner = shape
    count = parts() if math.prod(shape) >= FEW else 1
    most = max(1, CACHED // max(1, outer * inner))

    def run_part(part, scratch):
        mine = split(channels, count, part)
        for first in range(mine.start, mine.stop, most):
            function(slice(first, min(first + most, mine.stop)), scratch)

    with together(count) as run:
        run(run_part)


def matmul(left, right, out, add=False):
    """Write left @ right to `out`, or add it there: each part makes some columns of `out`, or some rows where it has more."""
    count = parts() if out.size * left.shape[1] >= SMALL else 1
    wide = out.shape[1] >= out.shape[0]

    def multiply(part, scratch):
        mine = split(out.shape[wide], count, part)
        a, b, to = (left, right[:, mine], out[:, mine]) if wide else (left[mine], right, out[mine])
        if add:
            _multiply_and_add(a, b, to, scratch)
        elif 1 < len(a) <= FLAT and abs(b.strides[0]) < abs(b.strides[1]):
            to[...] = np.matmul(b.T, a.T, out=scratch.take(out.dtype, to.shape[::-1])[0]).T
        else:
            np.matmul(a, b, out=to)

    with together(count) as run:
        run(multiply)


def _multiply_and_add(left, right, out, scratch):
    # without sums each number is one product, which OpenBLAS takes several times as long for
    multiply = np.multiply if left.shape[1] == 1 else np.matmul
    rows = max(1, BLOCK // max(1, out.shape[1]))
    for i in range(0, len(out), rows):
        part = out[i:i + rows]
        part += multiply(left[i:i + rows], right, out=scratch.take(out.dtype, part.shape)[0])


def _start_anew():
    """Threads do not live on in a forked child, and a lock may be held there by one that is gone."""
    global _threads
    _threads = _Threads()


_start_anew()
if hasattr(os, "register_at_fork"):  # not on Windows, which has no fork
    os.register_at_fork(after_in_child=_start_anew)
