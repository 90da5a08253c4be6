"""The folder of a run: resolved solver and flat networks, versions, seed and command, metrics.csv, curves as PNG."""

import datetime
import json
import os
import platform
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

import pycaffe_geo
from pycaffe_geo.atomic import atomic_file
from pycaffe_geo.errors import SpecError
from pycaffe_geo.plots.curves import draw_curves
from pycaffe_geo.solvers.callback import Callback
from pycaffe_geo.solvers.metrics_file import MetricsFile
from pycaffe_geo.solvers.solver import small_outputs
from pycaffe_geo.spec import to_yaml

REDRAW_SECONDS = 30  # drawing takes about half a second: not at every snapshot of a fast run


class RunFolder(Callback):
    """Writes what belongs to a run to `folder`: made after the solver was restored, so that a resumed run cuts later rows."""

    def __init__(self, solver, folder, command=None):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise SpecError(f"{self.folder}: is a file, expected the folder of the run (--out, or that of snapshot_prefix)")
        self.folder.mkdir(parents=True, exist_ok=True)
        source, file = solver.definition.net, solver.definition.file
        from_file = not isinstance(source, str) and source.file != file  # else it stands inside the solver file
        by_name = replace(solver.definition, net=source.file) if from_file else solver.definition
        _write_text(self.folder / "solver.yaml", to_yaml(by_name))
        for name, definition in _networks(solver).items():
            _write_text(self.folder / name, to_yaml(definition))
        self._write_run(solver, command or sys.argv)
        self.metrics = MetricsFile(self.folder / "metrics.csv", _columns(solver), cut=solver.iter)
        self._start = time.monotonic() - self.metrics.seconds
        self._last = (time.monotonic(), solver.iter)
        self._drawn = time.monotonic()

    def displayed(self, solver, report):
        now, (then, iteration) = time.monotonic(), self._last
        speed = (solver.iter - iteration) / (now - then) if now > then else 0.0
        self._last = (now, solver.iter)
        self.metrics.add(report, now - self._start, speed)

    def tested(self, solver, report):
        self.metrics.add(report, time.monotonic() - self._start, None)

    def snapshotted(self, solver, weights, state):
        if time.monotonic() - self._drawn > REDRAW_SECONDS:
            self.draw()

    def draw(self):
        """Write curves.png from metrics.csv."""
        with atomic_file(self.folder / "curves.png") as temporary:
            draw_curves([self.metrics.path], temporary)
        self._drawn = time.monotonic()

    def _write_run(self, solver, command):
        """run.json lists every start of this run: the first one and each resume."""
        path = self.folder / "run.json"
        starts = json.loads(path.read_text(encoding="utf-8"))["starts"] if solver.iter and path.is_file() else []
        starts.append(
            {
                "time": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "command": list(command),
                "iteration": solver.iter,
                "random_seed": solver.definition.random_seed,
                "device": str(solver.device),
                "dtype": str(solver.net.dtype),
                "folder": os.getcwd(),
                "versions": versions(),
            }
        )
        _write_text(path, json.dumps({"starts": starts}, indent=2) + "\n")


def versions():
    """Return {name: version} of what a result may depend on."""
    found = {
        "pycaffe_geo": pycaffe_geo.__version__,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "h5py": h5py.__version__,
        "platform": platform.platform(),
    }
    if "cupy" in sys.modules:
        found["cupy"] = sys.modules["cupy"].__version__
    return found


def _networks(solver):
    """Return {file name: NetDef}: net.yaml for the train net, test_net_<i>.yaml for test nets that come from other files."""
    train, *tests = solver.net_definitions
    others = {f"test_net_{i}.yaml": definition for i, definition in enumerate(tests) if definition is not train}
    return {"net.yaml": train, **others}


def _columns(solver):
    """Return the names of all loss terms and small outputs, the train net's first."""
    names = []
    for net in (solver.net, *solver.test_nets):
        names += [*small_outputs(net), *net.loss_terms()]
    return list(dict.fromkeys(names))


def _write_text(path, text):
    with atomic_file(path) as temporary:
        Path(temporary).write_text(text, encoding="utf-8")
