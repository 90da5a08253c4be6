"""caffe_pb2.SolverParameter without protobuf: a solver that a script fills in field by field and writes as prototxt."""

from typing import get_args, get_origin

from pycaffe_geo.errors import nearest
from pycaffe_geo.spec import SolverDef
from pycaffe_geo.spec.typed import build, convert, fields_of
from pycaffe_geo.spec.write_prototxt import to_prototxt

_KINDS = {key: kind for key, (_, kind) in fields_of(SolverDef).items() if key != "file"}


class SolverParameter:
    """The fields of a solver file as attributes: `s.base_lr = 0.01`, lists by `s.test_iter.append(100)`; `str(s)` is prototxt.

    A name that no solver has raises AttributeError, a value that does not fit SpecError. Networks inside the solver
    (`net_param`) and states (`test_state`) are not here: write them to the file.
    """

    CPU, GPU = "CPU", "GPU"
    HDF5, BINARYPROTO = "HDF5", "BINARYPROTO"

    def __init__(self, **values):
        object.__setattr__(self, "_values", {})
        for key, value in values.items():
            if _is_list(key):
                getattr(self, key).extend(value)
            else:
                setattr(self, key, value)

    def __getattr__(self, key):
        if key.startswith("__"):
            raise AttributeError(key)
        if _is_list(key):
            return self._values.setdefault(key, [])
        return self._values.get(key, getattr(SolverDef, key))

    def __setattr__(self, key, value):
        if _is_list(key):
            raise AttributeError(f"SolverParameter.{key} is a list: use append or extend")
        self._values[key] = convert(_KINDS[key], value, "SolverParameter", key)

    def __str__(self):
        return to_prototxt(build(SolverDef, self._values, "SolverParameter"))


def _is_list(key):
    """Whether the field holds a list; AttributeError where there is no such field."""
    if key not in _KINDS:
        raise AttributeError(f"SolverParameter has no field '{key}'{nearest(key, _KINDS)}")
    kind = _KINDS[key]
    return any(get_origin(part) is tuple for part in (kind, *get_args(kind)))
