"""Curves of one or several runs: metrics.csv files in, a PNG out."""

import csv
from pathlib import Path

from pycaffe_geo.errors import DataError

SKIPPED = {"iteration", "phase", "lr", "seconds", "it/s"}
GOLDEN = 0.62  # height of one panel over its width


def read_curves(path):
    """Return {(column, phase): (iterations, values)} of a metrics.csv; empty cells are left out, `lr` is kept for TRAIN only.

    DataError where the file is no metrics.csv.
    """
    curves = {}
    try:
        with open(path, newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                _add_row(curves, row)
    except (KeyError, ValueError, TypeError, csv.Error):
        raise DataError(f"{path}: is no metrics.csv of a run (columns iteration, phase, lr, loss ... of numbers)") from None
    return curves


def _add_row(curves, row):
    for column, text in row.items():
        if not text or column in SKIPPED - {"lr"} or (column == "lr" and row["phase"] != "TRAIN"):
            continue
        iterations, values = curves.setdefault((column, row["phase"]), ([], []))
        iterations.append(int(row["iteration"]))
        values.append(float(text))


def draw_curves(paths, out, columns=None, log_scale=False):
    """Draw the columns (all by default) of one or several metrics.csv against the iteration, one panel each, to the PNG `out`.

    Training is drawn as a line, tests as a dashed line with dots; of several runs each has a colour and its folder's name.
    Returns the columns drawn.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    runs = {str(path): read_curves(path) for path in paths}
    drawn = list(dict.fromkeys(column for curves in runs.values() for column, _ in curves))
    if columns:
        drawn = [column for column in drawn if column in columns]
    across = min(3, max(1, len(drawn)))
    down = max(1, -(-len(drawn) // across))
    figure = Figure(figsize=(5.2 * across, 5.2 * GOLDEN * down), layout="constrained")
    FigureCanvasAgg(figure)
    for number, column in enumerate(drawn):
        axes = figure.add_subplot(down, across, number + 1)
        _draw_panel(axes, runs, column, log_scale)
    figure.savefig(out, format="png", dpi=110)
    return drawn


def _draw_panel(axes, runs, column, log_scale):
    axes.set_title(column, fontsize=10)
    axes.set_xlabel("iteration", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(True, alpha=0.3)
    if log_scale:
        axes.set_yscale("log")
    for number, (path, curves) in enumerate(runs.items()):
        for (name, phase), (iterations, values) in curves.items():
            if name != column:
                continue
            label = phase.lower() if len(runs) == 1 else f"{Path(path).parent.name} {phase.lower()}"
            style = {"linewidth": 1.2} if phase == "TRAIN" else {"linestyle": "--", "marker": ".", "linewidth": 1}
            axes.plot(iterations, values, label=label, color=f"C{number if len(runs) > 1 else int(phase != 'TRAIN')}", **style)
    axes.legend(fontsize=7)
