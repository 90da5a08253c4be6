"""pycaffe's solvers: SGDSolver and its like, and get_solver."""

import os
from dataclasses import replace

from pycaffe_geo.caffe import mode
from pycaffe_geo.caffe.net import Net
from pycaffe_geo.solvers import Solver as EngineSolver
from pycaffe_geo.solvers.rules import RULES
from pycaffe_geo.spec import SolverDef, load_solver


class Solver:
    """A solver, as pycaffe has it: of the file's own type here, of the type in their names for the subclasses.

    net, test_nets   Nets, with NumPy arrays on any device
    iter             updates done so far
    param            the SolverDef: `param.max_iter`, `param.base_lr` ...
    engine           the pycaffe_geo solver behind it

    It runs where set_mode_cpu / set_mode_gpu say, not where the file's solver_mode says, as in pycaffe.
    """

    type = None

    def __init__(self, solver_file):
        definition = solver_file if isinstance(solver_file, SolverDef) else load_solver(os.fspath(solver_file))
        if self.type:
            definition = replace(definition, type=self.type)
        if definition.random_seed < 0:
            definition = replace(definition, random_seed=mode.seed(-1))
        self.engine = EngineSolver(definition, device=mode.device(), keep="*")
        self._wrap()

    def _wrap(self):
        self.net = Net.of(self.engine.net)
        self.test_nets = [Net.of(net) for net in self.engine.test_nets]

    iter = property(lambda self: self.engine.iter)
    param = property(lambda self: self.engine.definition)

    def step(self, n):
        """Run `n` iterations, with the tests, displays and snapshots that fall due."""
        self._write_back()
        self.engine.step(n)

    def solve(self, resume_file=None):
        """Train up to max_iter, from the snapshot `resume_file` if given."""
        if resume_file:
            self.restore(resume_file)
        self._write_back()
        self.engine.solve()

    def snapshot(self):
        """Write the weights and the solver state."""
        self._write_back()
        self.engine.snapshot()

    def restore(self, path):
        """Go back to the snapshot whose .solverstate.h5 is `path`."""
        self._write_back()
        self.engine.restore(path)
        if self.engine.net is not self.net.engine:  # it was built again with the snapshot's seed
            self._wrap()

    def share_weights(self, net):
        """Let the Net `net` use this solver's weights."""
        net.share_with(self.net)

    def _write_back(self):
        for net in (self.net, *self.test_nets):
            net.write_back()


def _of_type(name):
    return type(f"{name}Solver", (Solver,), {"type": name, "__module__": __name__, "__doc__": f"A solver of type {name}."})


_CLASSES = {name: _of_type(name) for name in RULES}
SGDSolver = _CLASSES["SGD"]
NesterovSolver = _CLASSES["Nesterov"]
AdaGradSolver = _CLASSES["AdaGrad"]
RMSPropSolver = _CLASSES["RMSProp"]
AdaDeltaSolver = _CLASSES["AdaDelta"]
AdamSolver = _CLASSES["Adam"]


def get_solver(solver_file):
    """Return the solver of a solver file, of the type that it names."""
    definition = load_solver(os.fspath(solver_file))
    return _CLASSES.get(definition.type, Solver)(definition)
