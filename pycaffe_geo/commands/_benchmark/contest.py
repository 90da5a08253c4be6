"""The contest: contenders in processes of their own, triggered in turn, and the medians of what they took."""

import dataclasses
import json
import logging
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median

import pycaffe_geo
from pycaffe_geo.errors import NumericError, PycaffeGeoError

log = logging.getLogger(__name__)

BUSY = 0.02  # of the time measured
AGREEMENT = 1e-3  # relative: float32 through deep networks
CAFFES = (2, "wall")  # the threads and the clock of real Caffe's recorded times
TORCH = ("torch nchw", "torch channels_last")
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class Contender:
    """A worker process that runs one work. kind: "ours", "torch nchw" or "torch channels_last"; clock: "wall" or "cpu".

    gpu: the number of the CUDA device to run on (see gpu_contenders.py), or None.
    """

    def __init__(self, kind, work, threads, clock, data, gpu=None):
        self.kind, self.work = kind, work
        environment = {**os.environ, **dict.fromkeys(_THREADS, str(threads))}
        package = str(Path(pycaffe_geo.__file__).resolve().parents[1])
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package, os.environ.get("PYTHONPATH"))))
        settings = dict(kind=kind, work=dataclasses.asdict(work), threads=threads, clock=clock, data=str(data), gpu=gpu)
        command = [sys.executable, "-m", "pycaffe_geo.commands._benchmark.worker", json.dumps(settings)]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment, text=True)
        self.variants = self.ask("variants")

    def ask(self, what, argument=""):
        """Send one request to the worker and return its answer."""
        try:
            self.process.stdin.write(f"{what} {argument}\n")
            self.process.stdin.flush()
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            code = self.process.wait()
            raise PycaffeGeoError(f"{self.work.name}: contender '{self.kind}' ended with exit code {code} at '{what}'")
        return json.loads(answer)

    def close(self):
        """End the worker and wait for it."""
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        self.process.stdout.close()
        self.process.wait()


def contest(work, repeats, threads, clock, with_torch, progress):
    """Run one work and return its rows, one for each phase: dicts of the columns of commands/benchmark.py.

    The losses must agree before anything is timed, else NumericError. Where other work kept the contenders from running, and
    wall time counts, the log says for how long. `progress(steps, what)` yields range(steps).
    """
    contenders = []
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data.npz"
        try:
            contenders.append(Contender("ours", work, threads, clock, data))
            if with_torch:
                contenders[0].ask("save")
                contenders += [Contender(kind, work, threads, clock, data) for kind in (TORCH[:1] if work.tensors else TORCH)]
            losses = {c.kind: c.ask("loss") for c in contenders}
            check_losses(work, losses)
            times, memory = _measure(contenders, repeats, clock, lambda steps: progress(steps, work.name))
        finally:
            for c in contenders:
                c.close()
    caffe_ms = work.caffe_ms if (threads, clock) == CAFFES else {}
    return [_row(work, phase, times, memory, caffe_ms.get(phase)) for phase in work.phases]


def check_losses(work, losses):
    """Raise NumericError where {contender: loss} differ from ours."""
    ours = losses["ours"]
    for kind, loss in losses.items():
        if not abs(loss - ours) <= AGREEMENT * abs(ours):
            raise NumericError(f"{work.name}: the loss is {ours:.7g}, by {kind} {loss:.7g}, expected the same: nothing is timed")


def _measure(contenders, repeats, clock, progress):
    """Return {(kind, variant): {phase: median ms}} and {kind: MiB at most}, the memory as of the leanest variant."""
    runs = [(c, variant) for c in contenders for variant in c.variants]
    for c in contenders:
        c.ask("iterate", c.variants[0])
    memory = {c.kind: c.ask("memory") for c in contenders}
    for c, variant in runs:
        c.ask("iterate", variant)
    samples = {(c.kind, variant): [] for c, variant in runs}
    waited = sum(c.ask("waited") for c in contenders)
    for _ in progress(repeats):
        for c, variant in runs:
            samples[c.kind, variant].append(c.ask("iterate", variant))
    if clock == "wall":
        _tell_waiting(contenders, sum(c.ask("waited") for c in contenders) - waited, samples)
    times = {run: {phase: median(s[phase] for s in taken) for phase in taken[0]} for run, taken in samples.items()}
    return times, memory


def _tell_waiting(contenders, waited, samples):
    took = sum(max(sample.values()) for taken in samples.values() for sample in taken)
    if waited > BUSY * took:
        share, name = 100 * waited / took, contenders[0].work.name
        log.warning("%s: its threads waited for a CPU for %.0f %% of the time: the machine is busy, doubt the times", name, share)


def _row(work, phase, times, memory, caffe_ms=None):
    ours = times["ours", ""][phase]
    theirs = {run: phases[phase] for run, phases in times.items() if run[0] != "ours"}
    row = {"work": work.name, "phase": phase, "ours_ms": ours, "ours_mib": memory["ours"]}
    if caffe_ms:
        row["caffe_ratio"] = caffe_ms / ours
    if theirs:
        best = min(theirs, key=theirs.get)
        layout = best[0].removeprefix("torch ")
        row["torch_ms"], row["ratio"] = theirs[best], theirs[best] / ours
        row["torch_variant"] = f"{layout} {best[1]}" if phase in ("step", "update") else layout
        row["torch_mib"] = min(memory[kind] for kind, _ in theirs)
    return row
