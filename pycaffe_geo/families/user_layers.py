"""What the Python layer needs: the user's class, blobs as NumPy arrays, and errors that say which layer they come from."""

import functools
import importlib
import importlib.util
import os
import sys
from contextlib import contextmanager
from pathlib import Path

from pycaffe_geo.backend import asnumpy
from pycaffe_geo.errors import SpecError, nearest
from pycaffe_geo.fillers import Filler

STEPS = ("setup", "reshape", "forward", "backward")
_loaded = {}


def find_class(module_name, class_name, folder):
    """Return class `class_name` of module `module_name`, which is looked for in `folder` (None: nowhere) and then on the path.

    ImportError where there is no such module or it fails to import; SpecError where it has no such class, or no layer's methods.
    """
    module = _find_module(module_name, folder)
    found = getattr(module, class_name, None)
    if not isinstance(found, type):
        classes = [name for name, value in vars(module).items() if isinstance(value, type)]
        raise SpecError(f"module '{module_name}' ({module.__file__}) has no class '{class_name}'{nearest(class_name, classes)}")
    missing = [step for step in STEPS if not callable(getattr(found, step, None))]
    if missing:
        raise SpecError(f"class '{module_name}.{class_name}' has no {' and no '.join(missing)}; a layer has {', '.join(STEPS)}")
    return found


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


def _array(field):
    def get(self):
        if field not in self._arrays:
            self._arrays[field] = asnumpy(getattr(self._blob, field))
        return self._arrays[field]

    def put(self, value):
        get(self)[...] = value

    return property(get, put, doc=f"The blob's {field}, a NumPy array.")


class HostBlob:
    """A blob with NumPy arrays `data` and `diff`: the real buffers on a CPU, copies on a GPU, which `write_back` brings over."""

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
        """Copy what was read or written back to the device, and forget it."""
        for field, array in self._arrays.items():
            target = getattr(self._blob, field)
            if array is not target:
                target[...] = self._blob.device.asarray(array)
        self._arrays.clear()


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
