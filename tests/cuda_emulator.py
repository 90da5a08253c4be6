"""A stand-in for a GPU that runs CUDA kernels: their sources are compiled by the host's C++ compiler.

`EmulatedGpu` is a StandInDevice whose `compile` turns a source of ops/gpu into a library. A launch runs block after block; each
thread of a block is a fiber of its own, which __syncthreads and warp shuffles suspend until all have come there. So whole
kernels run as they are, with their wrappers; only speed, and races between blocks, are not seen. Arguments are held against the
kernel's declaration: a wrong type, dtype or layout, which a device would misread, raises TypeError.
"""

import ctypes
import hashlib
import re
import shutil
import subprocess

import numpy as np
import standin
from fake_cublas import FakeCublas

from pycaffe_geo.cublas import Cublas

from pycaffe_geo.backend import Gpu

COMPILER = shutil.which("g++") or shutil.which("clang++")
SCALARS = {"int": np.int32, "unsigned": np.uint32, "float": np.float32, "double": np.float64, "long long": np.int64,
           "Half": np.float16, "unsigned char": np.uint8, "unsigned long long": np.uint64}
PRELUDE = r"""
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <ucontext.h>
using std::fabs; using std::floor; using std::ilogb; using std::isfinite; using std::ldexp; using std::nan;
using std::pow; using std::sqrt;
#define __global__
#define __device__
#define __shared__ static
struct dim3 { unsigned x, y, z; };
static dim3 gridDim, blockDim, blockIdx, threadIdx;

namespace emulator {
const unsigned MOST = 1024;
const size_t STACK = 1 << 15;
static void (*body)(void *);
static void *kernel;
static ucontext_t scheduler, fibers[MOST];
static char *stacks, done[MOST];
static unsigned current;

static void fiber() { body(kernel); done[current] = 1; }

static void resume(unsigned t)
{
    current = threadIdx.x = t;
    swapcontext(&scheduler, &fibers[t]);
}

static void start(unsigned t)
{
    getcontext(&fibers[t]);
    fibers[t].uc_stack.ss_sp = stacks + t * STACK;
    fibers[t].uc_stack.ss_size = STACK;
    fibers[t].uc_link = &scheduler;
    makecontext(&fibers[t], fiber, 0);
    resume(t);
}

static void run_block()
{
    unsigned count = blockDim.x;
    for (unsigned t = 0; t < count; t++) done[t] = 0;
    start(0);
    if (done[0]) {  // nothing to wait for: the other threads, too, run from end to end
        for (threadIdx.x = 1; threadIdx.x < count; threadIdx.x++) body(kernel);
        return;
    }
    for (unsigned t = 1; t < count; t++) start(t);
    for (bool left = true; left;) {
        left = false;
        for (unsigned t = 0; t < count; t++)
            if (!done[t]) { resume(t); left = true; }
    }
}

template <class F> void run(const unsigned *grid, const unsigned *block, F threads)
{
    if (!stacks) stacks = (char *)malloc(MOST * STACK);
    kernel = &threads;
    body = [](void *kernel) { (*(F *)kernel)(); };
    gridDim = {grid[0], grid[1], grid[2]};
    blockDim = {block[0], block[1], block[2]};
    for (unsigned z = 0; z < grid[2]; z++)
        for (unsigned y = 0; y < grid[1]; y++)
            for (unsigned x = 0; x < grid[0]; x++) { blockIdx = {x, y, z}; run_block(); }
}

static void suspend()
{
    if (done[0]) abort();  // not all threads of the block come here
    swapcontext(&fibers[current], &scheduler);
}
}

static void __syncthreads() { emulator::suspend(); }

template <class T> T __shfl_down_sync(unsigned, T value, unsigned step)
{
    static T room[1024];
    room[threadIdx.x] = value;
    __syncthreads();
    T other = threadIdx.x % 32 + step < 32 ? room[threadIdx.x + step] : value;
    __syncthreads();
    return other;
}

// float16 by hand: this compiler has no such type in C++. Rounds to the nearest, halves to even.
static float widen(unsigned short bits)
{
    int exponent = bits >> 10 & 31, fraction = bits & 1023;
    float size = exponent == 31 ? (fraction ? NAN : INFINITY) : ldexp((float)(exponent ? fraction + 1024 : fraction),
                                                                     (exponent ? exponent : 1) - 25);
    return bits >> 15 ? -size : size;
}

static unsigned short narrow(float value)
{
    unsigned short sign = std::signbit(value) ? 0x8000 : 0;
    float size = fabs(value);
    if (value != value) return sign | 0x7e00;
    if (size >= 65520) return sign | 0x7c00;
    int exponent = size < ldexp(1.0f, -14) ? -14 : ilogb(size);
    int steps = (int)std::nearbyint(ldexp(size, 10 - exponent));  // 1024 .. 2048, below 1024 where subnormal
    return sign | (unsigned short)(steps + ((exponent + 14) << 10));
}

template <class T> T min(T a, T b) { return b < a ? b : a; }
template <class T> T max(T a, T b) { return a < b ? b : a; }
template <class T> T atomicAdd(T *place, T value) { T old = *place; *place += value; return old; }
static long long __double2ll_rn(double value) { return std::llrint(value); }
template <class T> T atomicMax(T *place, T value) { T old = *place; *place = max(old, value); return old; }
"""


class EmulatedGpu(standin.StandInDevice):
    """A stand-in device with kernels; `folder` keeps what is compiled."""

    compiles = True
    tf32 = True
    set_math = Gpu.set_math

    def __init__(self, folder):
        self._folder = folder
        self._cublas = Cublas(FakeCublas(standin.change), self)
        self.xp = standin.with_products(self._cublas.matmul)

    def matmul(self, left, right, out):
        self._cublas.matmul(left, right, out)

    def __str__(self):
        return "emulated GPU"

    def compile(self, source, options):
        return _Module(source, options, self._folder)

    def address(self, array):
        return array._host.ctypes.data

    def stream(self):
        return 0


class _Module:
    def __init__(self, source, options, folder):
        command = [COMPILER, "-E", "-P", "-x", "c++", *options, "-"]
        plain = subprocess.run(command, input=source, capture_output=True, text=True, check=True).stdout
        found = re.findall(r'extern "C" __global__ void (\w+)\(([^)]*)\)', plain)
        self._declared = {name: [_parameter(p) for p in text.split(",")] for name, text in found}
        launchers = "".join(_launcher(name, parameters) for name, parameters in self._declared.items())
        self._library = ctypes.CDLL(str(_build(PRELUDE + plain + launchers, folder)))

    def get_function(self, name):
        function, declared = getattr(self._library, f"launch_{name}"), self._declared[name]

        def launch(grid, block, arguments):
            if len(arguments) != len(declared):
                raise TypeError(f"{name}: got {len(arguments)} arguments, declared are {len(declared)}")
            values = [_value(name, a, *d) for a, d in zip(arguments, declared)]
            sizes = (ctypes.c_uint * 3)(*grid), (ctypes.c_uint * 3)(*block)
            alive = arguments if standin._recorded is not None else ()  # a graph has their addresses
            standin.change(lambda: (function(*sizes, *values), alive))

        return launch


def _build(text, folder):
    """Compile C++ text to a library in `folder`, unless it is there."""
    stem = folder / hashlib.sha1(text.encode()).hexdigest()
    library = stem.with_suffix(".so")
    if not library.exists():
        stem.with_suffix(".cpp").write_text(text)
        command = [COMPILER, "-shared", "-fPIC", "-O0", "-std=c++14", "-o", library, stem.with_suffix(".cpp")]
        result = subprocess.run(command, capture_output=True, text=True)
        assert result.returncode == 0, result.stderr
    return library


def _parameter(text):
    """Return (C type without const, is it a pointer, name) of a parameter's declaration."""
    words = text.replace("*", " * ").split()
    name, kind = words[-1], [w for w in words[:-1] if w not in ("const", "*")]
    return " ".join(kind), "*" in words, name


def _launcher(name, parameters):
    declared = ", ".join(f"{kind} {'*' * pointer}{word}" for kind, pointer, word in parameters)
    words = ", ".join(word for *_, word in parameters)
    return (f'extern "C" void launch_{name}(const unsigned *grid, const unsigned *block, {declared})\n'
            f"{{ emulator::run(grid, block, [=]() {{ {name}({words}); }}); }}\n")


def _value(kernel, argument, kind, pointer, name):
    """Return the ctypes value of an argument; TypeError where it is not what the kernel declares."""
    where = f"{kernel}: argument '{name}'"
    if pointer and isinstance(argument, np.uint64):
        return ctypes.c_void_p(int(argument))
    if pointer:
        host = argument._host
        if kind in SCALARS and host.dtype != SCALARS[kind]:
            raise TypeError(f"{where} is {host.dtype}, declared {kind} *")
        if not host.flags.c_contiguous:
            raise TypeError(f"{where} is not contiguous: strides {host.strides} of {host.shape}")
        return ctypes.c_void_p(host.ctypes.data)
    if type(argument) is not SCALARS[kind]:
        raise TypeError(f"{where} is a {type(argument).__name__}, declared {kind}")
    return np.ctypeslib.as_ctypes_type(SCALARS[kind])(argument)
