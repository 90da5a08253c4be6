"""Blob: an array of data and an array of its gradient (diff), allocated when first touched."""

import math

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.errors import PycaffeGeoError, ShapeError, SpecError, bytes_text


class Memory:
    """A flat zeroed buffer, allocated on first use; it grows when asked for more and never shrinks."""

    def __init__(self, dtype, device):
        self.dtype = np.dtype(dtype)
        self.device = device
        self.array = None
        self.lost = ""  # why it does not hold its values, where it shares its memory (see net_memory.py)

    def reserve(self, count):
        """Return the flat buffer, holding at least `count` elements."""
        if self.array is None or self.array.size < count:
            self.array = self.device.xp.zeros(max(count, 1), self.dtype)
            self.device.moves += 1
        return self.array


class Pool:
    """Scratch that layers share, one after the other: a buffer grown to the largest use."""

    def __init__(self, device):
        self.device = device
        self._bytes = Memory(np.uint8, device)

    def get(self, shape, dtype):
        """Return an array over the start of the buffer; its values are any."""
        count = math.prod(shape)
        size = count * np.dtype(dtype).itemsize
        return self._bytes.reserve(size)[:size].view(dtype).reshape(shape)


class MemoryLimit:
    """Adds up the bytes of the blobs of a net as they take their shapes, and refuses the shape that takes them over `most`.

    copies: 2 where blobs have diffs too. `where` is the start of the message: the layer that is being built.
    """

    def __init__(self, most, copies):
        self.most = most
        self.copies = copies
        self.total = 0
        self.where = ""

    def change(self, blob, shape, elements):
        """Count `elements` more (or fewer) of `blob`, which is about to take `shape`; SpecError where they are too many."""
        change = elements * blob.dtype.itemsize * self.copies
        if change > 0:
            self.check(f"blob '{blob.name}'", shape, change)
        self.total += change

    def check(self, what, shape, size):
        """Raise SpecError where `what`, of `shape` and `size` bytes, does not fit beside what is counted."""
        total = self.total + size
        if total > self.most:
            raise SpecError(
                f"{self.where}: with {what} of shape {shape} the net takes at least {bytes_text(total)}, "
                f"expected at most {bytes_text(self.most)} (max_memory)"
            )


class Blob:
    """N-dimensional data and diff of one shape, dtype and device (Caffe's Blob).

    `data` and `diff` are writable arrays; write with `blob.data[...] = x`. They stay the same buffers until a
    reshape, which keeps their capacity. After a reshape the contents are undefined. A MemoryLimit may refuse a shape.
    """

    def __init__(self, shape=(), dtype=np.float32, device=CPU, name="", memory_limit=None):
        self.name = name
        self.memory_limit = memory_limit
        self._count = 0
        self.dtype = np.dtype(dtype)
        self.device = device
        self._data = Memory(dtype, device)
        self._diff = Memory(dtype, device)
        self._owner = self
        self._views = {}
        self.reshape(*shape)

    @property
    def shape(self):
        """The sizes of all axes, a tuple."""
        return self._owner._shape

    @property
    def count(self):
        """The number of elements."""
        return self._owner._count

    @property
    def memories(self):
        """The two Memory objects, of data and diff."""
        return self._data, self._diff

    @property
    def data(self):
        """The values."""
        return self._view(self._data)

    @data.setter
    def data(self, value):
        self.data[...] = value

    @property
    def diff(self):
        """The gradient of the loss with respect to `data`."""
        return self._view(self._diff)

    @diff.setter
    def diff(self, value):
        self.diff[...] = value

    @property
    def diff_untouched(self):
        """True where nobody has used the diff so far: it is 0, and not allocated."""
        return self._diff.array is None

    num = property(lambda self: self._legacy(0), doc="Size of axis 0 (1 where there is none), as in pycaffe.")
    channels = property(lambda self: self._legacy(1), doc="Size of axis 1 (1 where there is none), as in pycaffe.")
    height = property(lambda self: self._legacy(2), doc="Size of axis 2 (1 where there is none), as in pycaffe.")
    width = property(lambda self: self._legacy(3), doc="Size of axis 3 (1 where there is none), as in pycaffe.")

    def reshape(self, *shape):
        """Set the shape; buffers are kept and grow on next use if they must."""
        shape = tuple(int(n) for n in shape)
        if any(n < 0 for n in shape):
            raise ShapeError(f"blob '{self.name}': cannot have the shape {shape}: sizes must not be negative")
        count = math.prod(shape)
        if self.memory_limit:
            self.memory_limit.change(self, shape, count - self._count)
        self._shape = shape
        self._count = count

    def clear_diff(self):
        """Set the diff to 0; one that was never touched is 0 already and stays unallocated."""
        if not self.diff_untouched:
            self.diff[...] = 0

    def share_data(self, other):
        """Use the data buffer of `other` (same count) from now on."""
        self.device.moves += self._data is not other._data
        self._data = other._data

    def share_diff(self, other):
        """Use the diff buffer of `other` (same count) from now on."""
        self.device.moves += self._diff is not other._diff
        self._diff = other._diff

    def shares_data(self, other):
        """True where both blobs keep their data in one buffer."""
        return self._data is other._data

    def shares_diff(self, other):
        """True where both blobs keep their diff in one buffer."""
        return self._diff is other._diff

    def alias(self, diff=None):
        """Return a blob of the same name and data that follows this one's shape; its diff lies in `diff`, a Memory."""
        twin = Blob((), self.dtype, self.device, self.name)
        twin._owner = self._owner
        twin._data = self._data
        twin._diff = diff if diff is not None else Memory(self.dtype, self.device)
        return twin

    def own_diff(self):
        """Keep the diff in a buffer of its own from now on."""
        self._diff = Memory(self.dtype, self.device)

    def saved(self):
        """Return a blob of the same name and diff that follows this one's shape; its data are its own."""
        twin = self.alias(self._diff)
        twin._data = Memory(self.dtype, self.device)
        return twin

    def __repr__(self):
        return f"Blob('{self.name}', {self.shape}, {self.dtype})"

    def _legacy(self, axis):
        return self.shape[axis] if axis < len(self.shape) else 1

    def _view(self, memory):
        if memory.lost:
            field = "diff is" if memory is self._diff else "data are"
            raise PycaffeGeoError(
                f"blob '{self.name}': its {field} not there: {memory.lost}; the net shares memory between its blobs, expected "
                f"keep=['{self.name}'] (of Net.share_memory or get_solver), or a Net that does not share"
            )
        buffer = memory.reserve(self.count)
        base, shape, view = self._views.get(id(memory), (None, None, None))
        if base is not buffer or shape != self.shape:
            view = buffer[: self.count].reshape(self.shape)
            self._views[id(memory)] = (buffer, self.shape, view)
        return view


def allocated_bytes(blobs):
    """Return the bytes that the data and diffs of `blobs` take up by now, buffers that several share once."""
    arrays = [m.array for blob in blobs for m in blob.memories if m.array is not None]
    buffers = {id(base): base for base in (array if array.base is None else array.base for array in arrays)}
    return sum(buffer.nbytes for buffer in buffers.values())
