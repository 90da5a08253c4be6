"""What the Python layer needs: the user's class, blobs as NumPy arrays, and errors that say which layer they come from."""

import functools
import importlib
import importlib.util
import inspect
import os
import sys
import types
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.errors import SpecError, nearest
from pycaffe_geo.families.import_caffe import caffe_is_ours
from pycaffe_geo.fillers import Filler

STEPS = ("setup", "reshape", "forward", "backward")
_loaded = {}


def find_class(module_name, class_name, folder):
    """Return class `class_name` of module `module_name`, which is looked for in `folder` (None: nowhere) and then on the path.

    While it is imported, `import caffe` gives pycaffe_geo.caffe where there is no real Caffe. ImportError where there is no such
    module or it fails to import; SpecError where the name cannot be one, and where it has no such class, or no layer's methods.
    """
    if not all(part.isidentifier() for part in module_name.split(".")):
        raise SpecError(f"got the module '{module_name}', expected a name such as my_layers, without folders and .py")
    with caffe_is_ours():
        module = _find_module(module_name, folder)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        file = getattr(module, "__file__", "built in")
        raise SpecError(f"module '{module_name}' ({file}) has no class '{class_name}'{nearest(class_name, classes)}")
    missing = [step for step in STEPS if not callable(getattr(found, step, None))]
    if missing:
        raise SpecError(f"class '{module_name}.{class_name}' has no {' and no '.join(missing)}; a layer has {', '.join(STEPS)}")
    return found


def make_user_layer(cls, definition):
    """Return an object of the user's class. An `__init__` of the user's is run, with the LayerDef if it takes an argument.

    A real caffe.Layer can be made by Caffe alone, and its `blobs` cannot be set: its own `__init__` is left out, and a subclass
    of the user's class hides that property.
    """
    if hasattr(cls, "blobs"):
        cls = type(cls)(cls.__name__, (cls,), {"__module__": cls.__module__, "blobs": None})
    user = cls.__new__(cls)
    if isinstance(cls.__init__, types.FunctionType):
        try:
            inspect.signature(user.__init__).bind()
        except TypeError:
            user.__init__(definition)
        else:
            user.__init__()
    return user


def _find_module(name, folder):
    path = Path(folder or ".", *name.split(".")).with_suffix(".py").resolve()
    if folder is None or not path.is_file():
        return importlib.import_module(name)
    known = sys.modules.get(name)
    if getattr(known, "__file__", None) and os.path.realpath(known.__file__) == str(path):
        return known
    if path not in _loaded:
        _loaded[path] = _load(name, path)
    return _loaded[path]


def _load(name, path):
    """Run the module file `path`, which may import its neighbours."""
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    first = name not in sys.modules
    sys.modules.setdefault(name, module)
    sys.path.insert(0, str(path.parent))
    try:
        spec.loader.exec_module(module)
    except BaseException:
        if first:
            del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module


@contextmanager
def noted(layer, step):
    """Add layer, step and phase to an exception of the user's code; its type and traceback stay."""
    try:
        yield
    except Exception as e:
        add_note(e, f"{layer.where}: in {step}, phase {layer.phase}")
        raise


def add_note(error, text):
    """Add a line to what is printed of an exception."""
    if hasattr(error, "add_note"):
        error.add_note(text)
    else:  # Python 3.10
        error.args = (f"{error} [{text}]",)
        if hasattr(error, "msg"):  # what an ImportError prints
            error.msg = error.args[0]


def note_errors(layer):
    """Let each step of `layer` add layer, step and phase to its exceptions."""
    for step in STEPS:
        setattr(layer, step, _with_note(layer, step, getattr(layer, step)))


def _with_note(layer, step, function):
    @functools.wraps(function)
    def call(*args):
        with noted(layer, step):
            return function(*args)

    return call


class Phase(int):
    """A net's phase as pycaffe has it, 0 for TRAIN and 1 for TEST; it equals our own "TRAIN" or "TEST" as well."""

    def __new__(cls, phase):
        """`phase`: 0, 1, "TRAIN" or "TEST"; ValueError for anything else."""
        if phase not in (0, 1, "TRAIN", "TEST"):
            raise ValueError(f"got the phase {phase!r}, expected TRAIN (0) or TEST (1)")
        return super().__new__(cls, phase in (1, "TEST"))

    def __str__(self):
        return "TEST" if self else "TRAIN"

    __repr__ = __str__

    def __eq__(self, other):
        return int(self) == other or str(self) == other

    def __ne__(self, other):
        return not self == other

    __hash__ = int.__hash__


def _array(field):
    def get(self):
        if field not in self._arrays:
            buffer = getattr(self._blob, field)
            array = asnumpy(buffer)
            self._arrays[field] = array, None if array is buffer else array.copy()
        return self._arrays[field][0]

    def put(self, value):
        get(self)[...] = value

    return property(get, put, doc=f"The blob's {field}, a NumPy array.")


class HostBlob:
    """A blob with NumPy arrays `data` and `diff`: the real buffers on a CPU; on a GPU copies, made when first touched, and
    `write_back` brings over what was changed."""

    data = _array("data")
    diff = _array("diff")

    def __init__(self, blob):
        self._blob = blob
        self._arrays = {}

    def __getattr__(self, name):
        return getattr(self._blob, name)

    def reshape(self, *shape):
        """Set the shape."""
        self._arrays.clear()
        self._blob.reshape(*shape)

    def write_back(self):
        """Copy what was changed back to the device, and forget the copies."""
        for field, (array, before) in self._arrays.items():
            if before is not None and not _same_bits(array, before):
                getattr(self._blob, field)[...] = self._blob.device.asarray(array)
        self._arrays.clear()


def widen_buffers(user):
    """Make the float32 arrays that a user's layer keeps in its attributes float64: in a float64 net, where gradients are
    checked, a buffer of fixed single precision would blur them. Attributes that are parts of one array stay as they are."""
    arrays = {name: a for name, a in getattr(user, "__dict__", {}).items() if isinstance(a, np.ndarray)}
    owners = [id(_owner(a)) for a in arrays.values()]
    for name, array in arrays.items():
        if array.dtype == np.float32 and owners.count(id(_owner(array))) == 1:
            setattr(user, name, array.astype(np.float64))


def _owner(array):
    while isinstance(array.base, np.ndarray):
        array = array.base
    return array


def _same_bits(a, b):
    bits = f"u{a.itemsize}"  # a NaN that was not touched is the same
    return np.array_equal(a.view(bits), b.view(bits))


class ParameterBlobs:
    """A user layer's `self.blobs`: its parameters as HostBlobs; `add_blob(*shape)` in `setup` adds one, filled with 0."""

    def __init__(self, layer):
        self._layer = layer
        self._blobs = []

    def add_blob(self, *shape):
        """Add a parameter of this shape."""
        self._blobs.append(HostBlob(self._layer.add_blob(shape, Filler())))

    def __getitem__(self, index):
        return self._blobs[index]

    def __len__(self):
        return len(self._blobs)
