"""`import caffe` in a user's code: pycaffe_geo.caffe stands in where no real Caffe can be imported."""

import importlib
import importlib.util
import sys
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec

_OURS = "pycaffe_geo.caffe"


class _Finder(MetaPathFinder):
    """Comes before the other finders: a mere folder of the name, such as an unbuilt checkout of Caffe, is no real Caffe."""

    def find_spec(self, name, path=None, target=None):
        package, _, rest = name.partition(".")
        if package != "caffe" or (self._is_other() if rest else self._real_caffe()):
            return None
        ours = importlib.util.find_spec(f"pycaffe_geo.{name}")
        return ours and ModuleSpec(name, _Loader(), is_package=ours.submodule_search_locations is not None)

    def _is_other(self):
        return getattr(sys.modules.get("caffe"), "__name__", "") != _OURS

    def _real_caffe(self):
        finders = [f for f in sys.meta_path if f is not self and hasattr(f, "find_spec")]
        specs = (finder.find_spec("caffe", None) for finder in finders)
        return any(spec is not None and spec.origin is not None for spec in specs)


class _Loader(Loader):
    def create_module(self, spec):
        module = importlib.import_module(f"pycaffe_geo.{spec.name}")
        self.own_spec = module.__spec__
        return module

    def exec_module(self, module):
        module.__spec__ = self.own_spec  # the import system has put in that of the second name


_FINDER = _Finder()


def install():
    """Let `import caffe` give pycaffe_geo.caffe from now on, where no real Caffe can be imported."""
    if _FINDER not in sys.meta_path:
        sys.meta_path.insert(0, _FINDER)


@contextmanager
def caffe_is_ours():
    """`install` for the length of a block. What the block imported stays."""
    before = _FINDER in sys.meta_path
    install()
    try:
        yield
    finally:
        if not before:
            sys.meta_path.remove(_FINDER)
