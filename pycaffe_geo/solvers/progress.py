"""How training shows itself: a bar where the output is a terminal, plain log lines otherwise."""

import contextlib
import logging
import sys

from pycaffe_geo.solvers.callback import Callback

log = logging.getLogger(__name__)


def progress(solver, stream=None):
    """Return a Callback (also a context manager) that shows the training of `solver` on `stream` (standard error)."""
    stream = stream or sys.stderr
    return Bar(solver, stream) if stream.isatty() else Lines()


class Lines(Callback):
    """Plain lines through `logging`: one for each displayed iteration and each test."""

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def displayed(self, solver, report):
        log.info("iteration %d: lr %.4g, loss %.6g%s", report.iteration, report.lr, report.loss, _values(report))

    def tested(self, solver, report):
        log.info("iteration %d, %s: loss %.6g%s", report.iteration, report.phase.lower(), report.loss, _values(report))


class Bar(Lines):
    """A tqdm bar with iteration, loss, lr and speed; log lines are printed above it."""

    def __init__(self, solver, stream):
        from tqdm import tqdm

        self._bar = tqdm(total=solver.definition.max_iter, initial=solver.iter, file=stream, unit="it", dynamic_ncols=True)
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        from tqdm.contrib.logging import logging_redirect_tqdm

        self._stack.enter_context(logging_redirect_tqdm())
        return self

    def __exit__(self, *error):
        self._bar.close()
        self._stack.close()

    def iterated(self, solver):
        if solver.device.index is None:  # on a GPU each look at the loss waits for the device
            self._show(solver)
        self._bar.update()

    def displayed(self, solver, report):
        self._show(solver)

    def _show(self, solver):
        self._bar.set_postfix(loss=f"{solver.loss:.5g}", lr=f"{solver.lr:.3g}", refresh=False)


def _values(report):
    return "".join(f", {name} {value:.6g}" for name, value in report.values.items() if name != "loss")
