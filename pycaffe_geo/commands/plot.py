"""Draw the curves of one or several runs into one picture, a panel for each column of their metrics.csv."""

from pycaffe_geo.commands._common import names, option

EXAMPLE = """
tools/train.py --solver solvers/pose_early_fusion_small.yaml --iterations 300 --out runs/first
tools/plot.py runs/first --columns loss,lr --out runs/curves.png
"""


def arguments(parser):
    parser.add_argument("runs", nargs="+", metavar="RUN", help="folder of a run, or its metrics.csv")
    parser.add_argument("--columns", metavar="A,B", type=names, help="columns to draw (default: all)")
    parser.add_argument("--log", action="store_true", help="logarithmic vertical axes")
    option(parser, "out", metavar="FILE", default="curves.png", help="the PNG (default: %(default)s)")


def run(args):
    from pathlib import Path

    from pycaffe_geo.errors import DataError, listed, nearest
    from pycaffe_geo.plots.curves import draw_curves, read_curves

    paths = [Path(run) / "metrics.csv" if Path(run).is_dir() else Path(run) for run in args.runs]
    for path in paths:
        if not path.is_file():
            raise DataError(f"{path}: no such file; a run's folder holds a metrics.csv")
    known = list(dict.fromkeys(column for path in paths for column, _ in read_curves(path)))
    if not known:
        raise DataError(f"{listed(map(str, paths))}: no rows to draw")
    for column in args.columns or ():
        if column not in known:
            raise DataError(f"--columns: no run has '{column}'{nearest(column, known)} (there are {listed(known)})")
    Path(args.out).parent.mkdir(parents=True, exist_ok=True)
    drawn = draw_curves(paths, args.out, args.columns, args.log)
    print(f"{args.out}: {', '.join(drawn)} of {len(paths)} run(s)")
