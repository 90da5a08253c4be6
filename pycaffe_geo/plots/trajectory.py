"""Trajectories from above and from the side, and their error along the way: arrays in, a PNG out."""


def draw_trajectory(out, truth, estimate, way, errors, title=""):
    """Draw positions (F, 3) of the truth and the estimate, and errors (F,) over the length of the way (F,), to the PNG `out`.

    All in metres, axes x right, y down, z forward: from above (x, z), from the side (z, y), each with equal scales.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(13, 4.6), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=10)
    above, side, along = figure.subplots(1, 3)
    for axes, (i, j), name in ((above, (0, 2), "from above"), (side, (2, 1), "from the side")):
        axes.plot(truth[:, i], truth[:, j], color="black", linewidth=1, label="truth")
        axes.plot(estimate[:, i], estimate[:, j], color="C0", linewidth=1, label="estimate")
        axes.plot(*truth[0, [i, j]], "o", color="black", markersize=4, label="start")
        axes.set_aspect("equal", adjustable="datalim")
        _label(axes, name, f"{'xyz'[i]}, m", f"{'xyz'[j]}, m")
    side.invert_yaxis()
    above.legend(fontsize=7)
    along.plot(way, errors, color="C3", linewidth=0.8)
    along.set_ylim(bottom=0)
    _label(along, "distance to the truth", "way, m", "error, m")
    figure.savefig(out, format="png", dpi=110)


def _label(axes, title, x, y):
    axes.set_title(title, fontsize=9)
    axes.set_xlabel(x, fontsize=8)
    axes.set_ylabel(y, fontsize=8)
    axes.tick_params(labelsize=7)
    axes.grid(True, alpha=0.3)
