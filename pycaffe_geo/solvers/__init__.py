"""Solvers: update rules, learning-rate policies, the training loop, snapshots and the folder of a run."""

from pycaffe_geo.solvers.callback import Callback, Report
from pycaffe_geo.solvers.solver import Solver, get_solver

__all__ = ["Callback", "Report", "Solver", "get_solver"]
