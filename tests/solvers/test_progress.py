"""Progress: a bar on a terminal, log lines elsewhere."""

import io
import logging

from pycaffe_geo.solvers import get_solver
from pycaffe_geo.solvers.callback import Report
from pycaffe_geo.solvers.progress import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_bar_shows_iteration_loss_lr_and_speed(small):
    solver, stream = get_solver(small, max_iter=8), Terminal()
    with progress(solver, stream) as shown:
        solver.callbacks.append(shown)
        solver.solve()
    text = stream.getvalue()
    assert "8/8" in text and "it/s" in text and "lr=0.05" in text and "loss=" in text


def test_lines_where_there_is_no_terminal(small, caplog):
    shown = progress(get_solver(small), io.StringIO())
    with caplog.at_level(logging.INFO):
        shown.displayed(None, Report(20, "TRAIN", 0.01, 0.5, {"loss": 0.5, "l1": 0.25}))
        shown.tested(None, Report(20, "TEST", 0.01, 0.25, {"accuracy": 0.75}))
    assert [r.getMessage() for r in caplog.records] == [
        "iteration 20: lr 0.01, loss 0.5, l1 0.25",
        "iteration 20, test: loss 0.25, accuracy 0.75",
    ]
