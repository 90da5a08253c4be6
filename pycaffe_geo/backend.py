"""Array module (NumPy or CuPy), device choice and keyed random draws. The only file that imports cupy."""

import hashlib
import logging

import numpy as np

from pycaffe_geo.cublas import Cublas, load_cublas
from pycaffe_geo.errors import DeviceError
from pycaffe_geo.recordable import recordable

log = logging.getLogger(__name__)

_MODULES = {np.ndarray: np}


class Device:
    """The CPU: arrays are NumPy's. `index` is None here and the device number on a GPU."""

    index = None
    xp = np
    compiles = False  # True where `compile` makes CUDA kernels
    moves = 0  # how often a buffer that is kept, or a number of a layer, has been replaced: what was recorded has the old one
    tf32 = False  # True where convolutions may round float32 to TF32 on the way in
    deterministic = False  # True where only code may run that adds in the same order every time

    def __str__(self):
        return "CPU"

    def asarray(self, array, dtype=None):
        """Return `array` on this device (copied only where needed)."""
        return self.xp.asarray(array, dtype=dtype)

    def generator(self, *key):
        """Return a random Generator whose draws depend on `key` alone (Philox, keyed by a hash of it)."""
        return np.random.Generator(np.random.Philox(key=digest(key)))

    def synchronize(self):
        """Wait until all work given to the device is done."""

    def recorder(self):
        """Return a Recorder, or None where work cannot be recorded."""

    def held_bytes(self):
        """Return the bytes of a GPU's memory that arrays have taken so far and that are kept for others; 0 on the CPU."""
        return 0

    def set_math(self, mode="DEFAULT", deterministic=False):
        """Follow a solver's math_mode and deterministic in all that is planned from now on. A CPU has one way only."""

    def matmul(self, left, right, out):
        """Write left @ right to `out`, a product of a layer: this one may be TF32."""
        self.xp.matmul(left, right, out=out)


class Gpu(Device):
    """One CUDA device: arrays are CuPy's. At first convolutions may use TF32 and products of matrices not, as in PyTorch."""

    compiles = True
    tf32 = True
    _tf32_products = False
    _cublas = None

    def __init__(self, index):
        cupy = _load_cupy()
        self.xp = recordable(cupy, self._multiply)
        count = self.xp.cuda.runtime.getDeviceCount()
        if not 0 <= index < count:
            raise DeviceError(f"--gpu {index}: this machine has {count} CUDA device(s), numbered from 0")
        self.index = index
        self._pools = [cupy.get_default_memory_pool()]
        self.xp.cuda.Device(index).use()
        _MODULES[self.xp.ndarray] = self.xp

    def __str__(self):
        return f"GPU {self.index}"

    def generator(self, *key):
        bits = self.xp.random.Philox4x3210(seed=digest(key) % 2**63)
        return self.xp.random.Generator(bits)

    def compile(self, source, options):
        """Return the module of a CUDA C++ source: get_function(name) gives kernels to call with (grid, block, arguments)."""
        return self.xp.RawModule(code=source, options=options)

    def address(self, array):
        """Return where an array of this device begins, as a number."""
        return array.data.ptr

    def stream(self):
        """Return the address of the CUDA stream that work is given to now."""
        return self.xp.cuda.get_current_stream().ptr

    def synchronize(self):
        self.xp.cuda.Device(self.index).synchronize()

    def set_math(self, mode="DEFAULT", deterministic=False):
        self.tf32, self._tf32_products = mode != "FLOAT32", mode == "TF32"
        self.deterministic = deterministic

    def matmul(self, left, right, out):
        self._multiply(left, right, out, self._tf32_products)

    def _multiply(self, left, right, out, tf32=False):
        if self._cublas is None:
            self._cublas = Cublas(load_cublas(self.xp.cuda), self)
        self._cublas.matmul(left, right, out, tf32)

    def recorder(self):
        recorder = Recorder(self.xp.cuda)
        self._pools.append(recorder.pool)
        return recorder

    def held_bytes(self):
        return sum(pool.total_bytes() for pool in self._pools)


class Recorder:
    """Records work as CUDA graphs, on a stream and in memory of its own: what temporary arrays take is not given to others."""

    def __init__(self, cuda):
        self._cuda = cuda
        self._stream, self.pool = cuda.Stream(), cuda.MemoryPool()  # a stream that keeps its order with the default one

    def run(self, call):
        """Call `call` there, so that the memory it takes is at hand when it is recorded."""
        with self._cuda.using_allocator(self.pool.malloc), self._stream:
            call()

    def record(self, call):
        """Return a graph of the work that `call` gives the device, which is not done yet; DeviceError where it cannot be."""
        with self._cuda.using_allocator(self.pool.malloc), self._stream:
            self._stream.begin_capture()
            try:
                try:
                    call()
                finally:
                    graph = self._stream.end_capture()
            except RuntimeError as e:  # CuPy's errors of the driver and the libraries are of this kind
                raise DeviceError(str(e.__context__ or e)) from e
        return graph

    def launch(self, graph):
        """Do what was recorded, after all that was given to the device before."""
        graph.launch(self._stream)


CPU = Device()


def digest(key):
    """Return a number of 128 bits that depends on `key`, a tuple of numbers and texts, alone."""
    return int.from_bytes(hashlib.blake2b(repr(key).encode(), digest_size=16).digest(), "little")


def _load_cupy():
    try:
        import cupy

        cupy.cuda.runtime.getDeviceCount()
    except ImportError as e:
        raise DeviceError("no GPU can be used: CuPy is not installed (pip install 'pycaffe_geo[cuda12]')") from e
    except Exception as e:  # CuPy raises errors of its own kinds where the driver is absent or too old
        raise DeviceError(f"no GPU can be used: CuPy is installed but finds no device ({e})") from e
    return cupy


def gpu_report():
    """Return (versions as text, [{name, capability, free, total} of each CUDA device, memory in bytes]); DeviceError if none."""
    cupy = _load_cupy()
    devices = []
    for i in range(cupy.cuda.runtime.getDeviceCount()):
        properties = cupy.cuda.runtime.getDeviceProperties(i)
        with cupy.cuda.Device(i) as device:
            free, total = device.mem_info
        capability = f"{properties['major']}.{properties['minor']}"
        devices.append({"name": properties["name"].decode(), "capability": capability, "free": free, "total": total})
    driver, runtime = cupy.cuda.runtime.driverGetVersion(), cupy.cuda.runtime.runtimeGetVersion()
    return f"CuPy {cupy.__version__}, CUDA runtime {runtime}, driver for CUDA {driver}", devices


def choose_device(cpu=False, gpu=None, solver_mode="CPU", device_id=0):
    """Return the Device to run on.

    `--cpu` / `--gpu N` (cpu, gpu) beat the solver's `solver_mode` and `device_id`. A GPU that was asked for by
    `--gpu` and is absent raises DeviceError; one asked for by `solver_mode` falls back to the CPU with a warning.
    """
    if cpu:
        return CPU
    if gpu is not None:
        return Gpu(gpu)
    if solver_mode == "GPU":
        try:
            return Gpu(device_id)
        except DeviceError as e:
            log.warning("solver_mode: GPU, but %s; running on the CPU", e)
    return CPU


def array_module(array):
    """Return the module (NumPy or CuPy) that made `array`."""
    return _MODULES.get(type(array), np)


def matmul(left, right):
    """Return left @ right, two arrays of at least two axes. Unlike @ of CuPy's arrays, a GPU can record it."""
    return array_module(left).matmul(left, right)


def asnumpy(array):
    """Return `array` as a NumPy array (a copy when it lives on a GPU, the array itself otherwise)."""
    return array.get() if hasattr(array, "get") else np.asarray(array)
