"""Memory descriptors, primitives, and the ports by which plain arrays enter and leave a primitive's own layout."""

import ctypes
import threading
from ctypes import c_void_p

import numpy as np

from pycaffe_geo.ops.onednn.library import ANY, FLOAT32, dims

SRC, DST, WEIGHTS, BIAS, WORKSPACE, SCRATCHPAD = 1, 17, 33, 41, 64, 80
DIFF_SRC, DIFF_DST, DIFF_WEIGHTS = 129, 145, 161
LEAK = 32768 | WEIGHTS  # the number of the attributes `leaking`
IMPLEMENTATION = 8  # a query, as those below
QUERY = {SRC: 129, DIFF_SRC: 130, WEIGHTS: 131, DIFF_WEIGHTS: 132, DST: 133, DIFF_DST: 134, WORKSPACE: 135, SCRATCHPAD: 136}


class Handle:
    """An object of the C API, destroyed with this one. create: a function that writes its address into its first argument."""

    def __init__(self, destroy, create, *arguments):
        self._destroy = None
        self.pointer = c_void_p()
        create(self.pointer, *(getattr(a, "pointer", a) for a in arguments))
        self._destroy = destroy

    def __del__(self):
        if self._destroy:
            self._destroy(self.pointer)


class Descriptor(Handle):
    """The layout of a float32 array (or of what a primitive asks for)."""

    def __init__(self, library, create, *arguments):
        super().__init__(library.memory_desc_destroy, create, *arguments)
        self._library = library
        self.bytes = library.memory_desc_get_size(self.pointer)

    @classmethod
    def plain(cls, library, shape, array=None):
        """Return the layout of a C-contiguous array, or of its first part of `shape` in one of the shape `array`."""
        strides = [int(np.prod((array or shape)[i + 1:])) for i in range(len(shape))]
        return cls(library, library.memory_desc_create_with_strides, len(shape), dims(shape), FLOAT32, dims(strides))

    @classmethod
    def any(cls, library, shape):
        """Return a layout for the primitive to choose."""
        return cls(library, library.memory_desc_create_with_tag, len(shape), dims(shape), FLOAT32, ANY)

    def __eq__(self, other):
        return bool(self._library.memory_desc_equal(self.pointer, other.pointer))


class Memory(Handle):
    """An address with a layout; the address is given before each use."""

    def __init__(self, library, descriptor):
        super().__init__(library.memory_destroy, library.memory_create, descriptor, library.engine, None)
        self._set, self.bytes = library.memory_set_data_handle, descriptor.bytes

    def at(self, array):
        """Let the memory lie in `array`: C-contiguous, and at least as large. Returns self."""
        if not array.flags.c_contiguous or array.nbytes < self.bytes:
            got = f"{array.nbytes}, strides {array.strides}"
            raise ValueError(f"oneDNN needs a contiguous array of {self.bytes} bytes, got {got}")
        self._set(self.pointer, array.ctypes.data)
        return self


class _Argument(ctypes.Structure):
    _fields_ = [("place", ctypes.c_int), ("memory", c_void_p)]


class Scratch(threading.local):
    """Buffers by name, grown to the largest use, for each thread its own. `holds` tells which Port filled one last."""

    def __init__(self):
        self._buffers, self.holds = {}, {}

    def get(self, name, size):
        """Return a buffer of at least `size` bytes."""
        if name not in self._buffers or self._buffers[name].nbytes < size:
            self._buffers[name] = np.empty(size, np.uint8)
            self.holds[name] = None
        return self._buffers[name]


SHARED = Scratch()  # for what no plan needs beyond the call that fills it, or the next one


class Primitive:
    """An operation on fixed layouts, compiled at its first use. `create` and its arguments make its descriptor."""

    def __init__(self, library, create, *arguments):
        self._library = library
        self.pointer = None
        self.descriptor = Handle(library.primitive_desc_destroy, create, *arguments)
        self._scratchpad = Memory(library, self.layout(SCRATCHPAD))
        self._primitive = None

    @property
    def implementation(self):
        """The name of the code that runs it."""
        name = ctypes.c_char_p()
        self._library.primitive_desc_query(self.descriptor.pointer, IMPLEMENTATION, 0, ctypes.byref(name))
        return name.value

    def layout(self, operand):
        """Return the Descriptor of an operand (SRC, DIFF_DST ...)."""
        library = self._library
        found = library.primitive_desc_query_md(self.descriptor.pointer, QUERY[operand], 0)
        return Descriptor(library, library.memory_desc_clone, found)

    def run(self, memories):
        """Execute on {operand: Memory}."""
        library = self._library
        if self._primitive is None:
            self._primitive = Handle(library.primitive_destroy, library.primitive_create, self.descriptor)
        if self._scratchpad.bytes:
            memories = {**memories, SCRATCHPAD: self._scratchpad.at(SHARED.get("scratchpad", self._scratchpad.bytes))}
        arguments = (_Argument * len(memories))(*((place, m.pointer) for place, m in memories.items()))
        library.primitive_execute(self._primitive.pointer, library.stream, len(memories), arguments)


class Port:
    """An operand as a plain array outside and in the layout `wanted` by a primitive inside, where this differs in a buffer.

    The buffer is `name` of `scratch`. A port that `adds` adds what the primitive wrote to the array, and always has a buffer.
    """

    def __init__(self, library, plain, wanted, scratch, name, adds=False):
        self.wanted = wanted
        self._scratch, self._name = scratch, name
        self._inside, self._outside = Memory(library, wanted), Memory(library, plain)
        self._direct = wanted == plain and not adds
        engine, attributes = library.engine, library.adding if adds else library.attributes
        if not self._direct:
            create = library.reorder_primitive_desc_create
            self._enter = Primitive(library, create, plain, engine, wanted, engine, library.attributes)
            self._leave = Primitive(library, create, wanted, engine, plain, engine, attributes)

    def load(self, array, unchanged=False):
        """Return the Memory that holds `array`; unchanged: it is what the last load under this port's name brought in."""
        if self._direct:
            self._scratch.holds[self._name] = None
            return self._inside.at(array)
        memory = self._buffer()
        if not (unchanged and self._scratch.holds[self._name] is self):
            self._enter.run({SRC: self._outside.at(array), DST: memory})
            self._scratch.holds[self._name] = self
        return memory

    def target(self, array):
        """Return the Memory for the primitive to write to before `store(array)`."""
        self._scratch.holds[self._name] = None
        return self._inside.at(array) if self._direct else self._buffer()

    def store(self, array):
        """Bring to `array` what the primitive wrote."""
        if not self._direct:
            self._leave.run({SRC: self._inside, DST: self._outside.at(array)})

    def _buffer(self):
        return self._inside.at(self._scratch.get(self._name, self._inside.bytes))
