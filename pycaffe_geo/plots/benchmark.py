"""Pictures of the benchmark: bars of time ratios, and curves of how cost grows."""

AIM = 1.0


def draw_ratios(labels, ratios, out, title=""):
    """Draw one bar for each label to the PNG `out`: their time over ours, on a logarithmic axis; 1 is a tie."""
    figure, save = _figure(7, 1.2 + 0.32 * len(labels), out)
    axes = figure.add_subplot()
    places = range(len(labels))
    axes.barh(places, [r - AIM for r in ratios], left=AIM, color=["C0" if r >= AIM else "C3" for r in ratios])
    for place, ratio in zip(places, ratios):
        axes.annotate(f"{ratio:.2f}", (ratio, place), xytext=(3, 0), textcoords="offset points", va="center", fontsize=8)
    axes.set_yticks(list(places), labels, fontsize=8)
    axes.invert_yaxis()
    axes.set_xscale("log")
    axes.margins(x=0.12)
    axes.axvline(AIM, color="black", linewidth=0.8)
    axes.set_xlabel("their time / our time (right of 1: ours is faster)", fontsize=8)
    axes.set_title(title, fontsize=9)
    save()


def draw_growth(sweeps, out):
    """Draw {what: {size, ms, mib, ms_exponent, mib_exponent}} to the PNG `out`: one column each, time above memory."""
    figure, save = _figure(4 * len(sweeps), 6, out)
    for row, (key, label) in enumerate((("ms", "step, ms"), ("mib", "memory, MiB"))):
        for column, (what, sweep) in enumerate(sweeps.items()):
            axes = figure.add_subplot(2, len(sweeps), 1 + column + row * len(sweeps))
            axes.loglog(sweep["size"], sweep[key], marker=".")
            axes.set_title(f"{label}: {what}^{sweep[key + '_exponent']:.2f}", fontsize=9)
            axes.set_xlabel(what, fontsize=8)
            axes.set_xticks(sweep["size"], [str(size) for size in sweep["size"]])
            axes.set_xticks([], minor=True)
            axes.tick_params(labelsize=7, which="both")
            axes.grid(True, which="both", alpha=0.3)
    save()


def draw_losses(losses, out):
    """Draw {work: {contender: losses}} to the PNG `out`: the curves of one work over each other."""
    columns = 2
    rows = -(-len(losses) // columns)
    figure, save = _figure(5 * columns, 2.5 * rows, out)
    for place, (work, curves) in enumerate(losses.items(), 1):
        axes = figure.add_subplot(rows, columns, place)
        for i, (contender, values) in enumerate(curves.items()):
            axes.plot(values, label=contender, linewidth=2.5 - 0.4 * i)
        axes.set_title(work, fontsize=9)
        axes.tick_params(labelsize=7)
        axes.legend(fontsize=6)
    save()


def _figure(width, height, out):
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, lambda: figure.savefig(out, format="png", dpi=110)
