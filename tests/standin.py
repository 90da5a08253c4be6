"""A stand-in for a GPU: arrays in host memory that behave like CuPy's, so that device code can be tested without a device.

`StandInDevice` hands out `DeviceArray`s and the module `xp` that makes them. As with CuPy, nothing turns into a NumPy array by
itself: np.* functions, `__array__`, and NumPy arrays mixed with device arrays raise TypeError; `.get()` is the one way back.
Keywords and functions that NumPy has and CuPy has not (`where=`, `initial=`, `errstate` ...) raise too.

While a `Recorder` records, nothing is computed: what would change arrays is listed, to be done when the graph is launched, and
whatever would have to wait for the device raises RuntimeError, as CUDA does.
"""

import operator
import types

import numpy as np

from pycaffe_geo.backend import Device
from pycaffe_geo.errors import DeviceError
from pycaffe_geo.recordable import recordable

_METHODS = (
    "all any argmax argmin argsort astype clip compress conj copy cumsum cumprod diagonal dot fill flatten max mean min nonzero "
    "prod put ravel repeat reshape round sort squeeze std sum swapaxes take trace transpose var view"
).split()
_PROPERTIES = "dtype flags itemsize nbytes ndim shape size strides".split()
_OPERATORS = "add sub mul truediv floordiv mod pow matmul and or xor lshift rshift".split()
_COMPARISONS = "eq ne lt le gt ge".split()
_NOT_IN_CUPY = ("errstate", "nditer", "ndenumerate", "einsum_path", "float_power", "fromiter")
_NO_SUCH_KEYWORD = ("where", "initial", "subok", "order_by")
_UPLOADS = ("array", "asarray", "ascontiguousarray")
_WAITS = ("nonzero", "argwhere", "flatnonzero", "unique", "compress", "extract")  # the result's size depends on values
_BY_LIBRARIES = ("matmul", "dot", "vdot", "inner", "tensordot", "einsum", "solve", "inv", "svd")  # CuPy refuses to record them
_CHANGES = ("at", "copyto", "fill", "put", "place", "putmask", "sort")  # what is given, instead of making an array
_HOST_QUESTIONS = (np.shape, np.ndim, np.size, np.result_type, np.can_cast)


_recorded = None  # while a Recorder records, the list of calls


def change(call):
    """Call `call`, which changes arrays; while recording, list it instead."""
    if _recorded is None:
        call()
    else:
        _recorded.append(call)


def _compute(call):
    """Return what `call` makes, wrapped; while recording, list that it has to be made again."""
    result = _wrap(call())
    if _recorded is not None:
        _recorded.append(lambda: _renew(result, call()))
    return result


def _renew(old, new):
    """Copy new values to the arrays that a recorded call has returned, unless they are views."""
    if isinstance(old, DeviceArray):
        if not np.may_share_memory(old._host, new):
            np.copyto(old._host, new)
    elif isinstance(old, (list, tuple)):
        for a, b in zip(old, new):
            _renew(a, b)


def _waits(what):
    """Refuse `what` while recording: it waits for the device."""
    if _recorded is not None:
        raise RuntimeError(f"{what}: operation not permitted when stream is capturing")


class Recorder:
    """As backend.Recorder."""

    def run(self, call):
        call()

    def record(self, call):
        global _recorded
        graph = _recorded = []
        try:
            call()
        except RuntimeError as e:
            raise DeviceError(str(e)) from e
        finally:
            _recorded = None
        return graph

    def launch(self, graph):
        for call in graph:
            call()


class DeviceArray:
    """A host array in disguise. `base` is the buffer a view looks into: only good for `is`."""

    __array_ufunc__ = None  # NumPy then leaves mixed operators to this class, which refuses
    __array_priority__ = 1000

    def __init__(self, host):
        self._host = host

    base = property(lambda self: self._host.base)
    T = property(lambda self: DeviceArray(self._host.T))
    real = property(lambda self: DeviceArray(self._host.real))
    imag = property(lambda self: DeviceArray(self._host.imag))

    def get(self):
        """Return a NumPy copy."""
        _waits("get")
        return self._host.copy()

    def set(self, array):
        """Copy a NumPy array of this shape and dtype to the device."""
        _waits("set")
        if array.dtype != self.dtype or array.shape != self.shape:
            raise ValueError(f"set: got {array.dtype} {array.shape}, expected {self.dtype} {self.shape}")
        self._host[...] = array

    def item(self, *index):
        _waits("item")
        return self._host.item(*index)

    def tolist(self):
        _waits("tolist")
        return self._host.tolist()

    def __array__(self, *args, **kwargs):
        raise TypeError("implicit conversion of a device array to a NumPy array; use asnumpy() or the array's own module")

    def __array_function__(self, function, kinds, args, kwargs):
        if function in _HOST_QUESTIONS:
            return function(*(a._host if isinstance(a, DeviceArray) else a for a in args), **kwargs)
        raise TypeError(f"numpy.{function.__name__} called on a device array; use array_module(x).{function.__name__}")

    def __getitem__(self, index):
        if any(isinstance(i, DeviceArray) and i.dtype == bool for i in (index if isinstance(index, tuple) else (index,))):
            _waits("indexing by a mask")
        where = _host(index)
        return _compute(lambda: self._host[where])

    def __setitem__(self, index, value):
        where, values = _host(index), _host(value)
        change(lambda: self._host.__setitem__(where, values))

    def __len__(self):
        return len(self._host)

    def __float__(self):
        _waits("float")
        return float(self._host)

    def __int__(self):
        _waits("int")
        return int(self._host)

    def __bool__(self):
        _waits("bool")
        return bool(self._host)

    def __index__(self):
        _waits("index")
        return operator.index(self._host)

    def __neg__(self):
        return _compute(lambda: -self._host)

    def __pos__(self):
        return _compute(lambda: +self._host)

    def __abs__(self):
        return _compute(lambda: abs(self._host))

    def __invert__(self):
        return _compute(lambda: ~self._host)

    def __repr__(self):
        return f"DeviceArray({self._host!r})"

    __hash__ = None


def _host(value):
    """Return `value` with device arrays replaced by what they hide; a NumPy array is refused."""
    if isinstance(value, DeviceArray):
        return value._host
    if isinstance(value, np.ndarray):
        raise TypeError(f"a NumPy array of shape {value.shape} meets device arrays; bring it over with device.asarray first")
    if isinstance(value, (list, tuple)):
        return type(value)(_host(v) for v in value)
    return value


def _wrap(value):
    if isinstance(value, (np.ndarray, np.generic)):
        return DeviceArray(np.asarray(value))
    if isinstance(value, (list, tuple)):
        return type(value)(_wrap(v) for v in value)
    return value


def _wrapped(function, name, uploads=False, inputs=None):
    """Return `function` for device arrays; `inputs`: how many arguments a ufunc has before `out`."""
    def call(*args, **kwargs):
        for key in kwargs:
            if key in _NO_SUCH_KEYWORD and not (name == "copyto" and key == "where"):
                raise TypeError(f"{name}: CuPy has no keyword '{key}' here")
        if uploads and not isinstance(args[0], DeviceArray):
            _waits("upload")
        if uploads and isinstance(args[0], np.ndarray):
            return DeviceArray(np.array(*args, **kwargs))
        if name in _WAITS or name in _BY_LIBRARIES:
            _waits(name)
        if name in ("concatenate", "stack") and len(args[0]) > 8:
            _waits(f"{name} of many arrays")
        hosts, options = _host(args), {k: _host(v) for k, v in kwargs.items()}
        out = args[inputs] if inputs is not None and len(args) > inputs else kwargs.get("out")
        if isinstance(out, DeviceArray) or name.rpartition(".")[2] in _CHANGES:
            change(lambda: function(*hosts, **options))
            return out
        return _compute(lambda: function(*hosts, **options))

    return call


class _Ufunc:
    """A NumPy ufunc on device arrays, with those of its methods that CuPy has."""

    def __init__(self, ufunc):
        self._call = _wrapped(ufunc, ufunc.__name__, inputs=ufunc.nin)
        self.at = _wrapped(ufunc.at, f"{ufunc.__name__}.at")
        self.reduce = _wrapped(ufunc.reduce, f"{ufunc.__name__}.reduce")
        self.accumulate = _wrapped(ufunc.accumulate, f"{ufunc.__name__}.accumulate")

    def __call__(self, *args, **kwargs):
        return self._call(*args, **kwargs)


class _Module(types.ModuleType):
    """NumPy's functions on device arrays."""

    def __init__(self, module):
        super().__init__(f"standin.{module.__name__}")
        self._module = module

    def __getattr__(self, name):
        if name in _NOT_IN_CUPY:
            raise AttributeError(f"CuPy has no '{name}'")
        value = getattr(self._module, name)
        if name == "ndarray":
            return DeviceArray
        if isinstance(value, types.ModuleType):
            return _Module(value)
        if isinstance(value, np.ufunc):
            return _Ufunc(value)
        if callable(value) and not isinstance(value, type):
            return _wrapped(value, name, uploads=name in _UPLOADS)
        return value


def with_products(multiply):
    """Return the module with the products of pycaffe_geo.recordable, as a GPU has them."""
    module, plain = _Module(np), _Module(np)
    made = recordable(plain, multiply)
    module.__dict__.update({name: getattr(made, name) for name in ("matmul", "vdot", "einsum", "concatenate")})
    return module


class _Generator:
    """Draws as CuPy's Generator offers them, with the numbers the CPU would draw."""

    def __init__(self, generator):
        self._generator = generator

    def __getattr__(self, name):
        if name not in ("random", "integers", "standard_normal"):
            raise AttributeError(f"'{name}': generators of NumPy and CuPy have random, integers and standard_normal in common")
        _waits("a generator, which is made on the host")
        return _wrapped(getattr(self._generator, name), name)


class StandInDevice(Device):
    """A device whose arrays are DeviceArrays."""

    index = 0
    xp = _Module(np)

    def __str__(self):
        return "stand-in device"

    def recorder(self):
        return Recorder()

    def matmul(self, left, right, out):
        change(lambda: np.matmul(left._host, right._host, out=out._host))

    def generator(self, *key):
        return _Generator(super().generator(*key))


def _add_operators():
    def computed(function, a, b):
        if function is operator.matmul:
            _waits("matmul")
        return _compute(lambda: function(a, b))

    def binary(function):
        return lambda self, other: computed(function, self._host, _host(other))

    def reflected(function):
        return lambda self, other: computed(function, _host(other), self._host)

    def in_place(function):
        def operate(self, other):
            value = _host(other)
            change(lambda: function(self._host, value))
            return self

        return operate

    for name in _OPERATORS:
        function = getattr(operator, f"__{name}__")
        setattr(DeviceArray, f"__{name}__", binary(function))
        setattr(DeviceArray, f"__r{name}__", reflected(function))
        setattr(DeviceArray, f"__i{name}__", in_place(getattr(operator, f"__i{name}__")))
    for name in _COMPARISONS:
        setattr(DeviceArray, f"__{name}__", binary(getattr(operator, f"__{name}__")))
    for name in _PROPERTIES:
        setattr(DeviceArray, name, property(lambda self, name=name: getattr(self._host, name)))
    for name in _METHODS:
        setattr(DeviceArray, name, _method(name))


def _method(name):
    def call(self, *args, **kwargs):
        return _wrapped(getattr(self._host, name), name)(*args, **kwargs)

    return call


_add_operators()
