"""Specification files: YAML or prototxt text to typed definitions, with file:line:column in every message."""

from pycaffe_geo.spec.definitions import TEST, TRAIN, LayerDef, NetDef, NetState, NetStateRule, ParamSpec, Place, SolverDef
from pycaffe_geo.spec.load import load_net, load_solver
from pycaffe_geo.spec.override import override
from pycaffe_geo.spec.rules import filter_net
from pycaffe_geo.spec.wiring import check_wiring
from pycaffe_geo.spec.write import to_yaml
from pycaffe_geo.spec.write_prototxt import to_prototxt

__all__ = [
    "TEST",
    "TRAIN",
    "LayerDef",
    "NetDef",
    "NetState",
    "NetStateRule",
    "ParamSpec",
    "Place",
    "SolverDef",
    "check_wiring",
    "filter_net",
    "load_net",
    "load_solver",
    "override",
    "to_prototxt",
    "to_yaml",
]
