"""One training run from beginning to end: what `pycaffe-geo train` does, callable from Python."""

import os
from dataclasses import dataclass
from pathlib import Path

from pycaffe_geo.errors import NumericError, SpecError
from pycaffe_geo.solvers.monitor import Monitor
from pycaffe_geo.solvers.progress import progress
from pycaffe_geo.solvers.run import RunFolder
from pycaffe_geo.solvers.solver import Solver, get_solver


@dataclass
class Summary:
    """How a run ended: status "finished" or "interrupted", the Solver (its nets, iteration and loss), the run's folder."""

    status: str
    solver: Solver
    folder: Path

    @property
    def exit_code(self):
        """0, or 130 where the run was interrupted."""
        return 130 if self.status == "interrupted" else 0


def train(
    solver,
    *,
    resume=None,
    weights=(),
    device=None,
    dtype="float32",
    out=None,
    iterations=None,
    command=None,
    callbacks=(),
    max_memory=None,
    **overrides,
):
    """Train as a solver file (or SolverDef) says and return a Summary.

    resume      a snapshot (either file of its pair) or "latest"; weights: files to start from, by layer name (not both)
    out         the run's folder; by default the folder of snapshot_prefix
    max_memory  the most bytes of one net (see Net)
    iterations  replaces max_iter;   overrides  replace other solver fields
    Mistakes raise PycaffeGeoError kinds, non-finite numbers NumericError, a second SIGINT KeyboardInterrupt.
    """
    weights = [weights] if isinstance(weights, (str, os.PathLike)) else list(weights)
    if resume and weights:
        raise SpecError("--resume and --weights exclude each other: a snapshot holds its own weights")
    if iterations is not None:
        overrides["max_iter"] = iterations
    s = get_solver(solver, device=device, dtype=dtype, max_memory=max_memory, **overrides)
    if out:
        s.use_folder(out)
    if resume:
        s.restore(resume)
    else:
        for path in weights or s.definition.weights:
            s.net.copy_from(path)
    folder = RunFolder(s, Path(s.snapshot_prefix).parent, command)
    with progress(s) as shown:
        s.callbacks += [folder, Monitor(), shown, *callbacks]
        try:
            status = s.solve()
        except NumericError:
            folder.draw()
            raise
    folder.draw()
    return Summary(status, s, folder.folder)
