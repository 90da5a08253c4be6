"""Specification files: YAML text to typed definitions, with file:line:column in every message."""

from pycaffe_geo.spec.definitions import TEST, TRAIN, LayerDef, NetDef, NetState, NetStateRule, ParamSpec, Place, SolverDef

__all__ = ["TEST", "TRAIN", "LayerDef", "NetDef", "NetState", "NetStateRule", "ParamSpec", "Place", "SolverDef"]
