"""Train a network as a solver file says; every run writes a folder with its curves and snapshots.

Ctrl-C takes a snapshot and stops; go on with `--resume latest`. A second Ctrl-C stops at once.
"""

from pycaffe_geo.commands._common import device_options, option, table

EXAMPLE = """
tools/train.py --solver solvers/pose_early_fusion_small.yaml --out runs/first
tools/train.py --solver solvers/pose_early_fusion_small.yaml --out runs/first --resume latest
tools/train.py --solver solvers/pose_early_fusion_small.yaml --out runs/faster --set base_lr=4e-3 --iterations 2000
"""


def arguments(parser):
    option(parser, "solver", required=True)
    option(parser, "weights", help="weights to start from, copied by layer name; later files win")
    option(parser, "resume")
    option(parser, "iterations", help="stop after this iteration (the solver's max_iter)")
    option(parser, "set", help="replace a field of the solver, for example base_lr=1e-4; repeatable")
    option(parser, "seed", default=None, help="seed of all random draws (the solver's random_seed)")
    option(parser, "out", metavar="FOLDER", help="folder of the run (default: that of the solver's snapshot_prefix)")
    device_options(parser)


def run(args):
    from pycaffe_geo.backend import choose_device
    from pycaffe_geo.solvers.train import train
    from pycaffe_geo.spec import load_solver

    seed = [] if args.seed is None else [f"random_seed={args.seed}"]
    solver = load_solver(args.solver, overrides=[*args.set, *seed])
    summary = train(
        solver,
        resume=args.resume,
        weights=args.weights or (),
        device=choose_device(args.cpu, args.gpu, solver.solver_mode, solver.device_id),
        out=args.out,
        iterations=args.iterations,
    )
    print(f"{summary.status} at iteration {summary.iteration}, loss {summary.loss:.6g}; the run is in {summary.folder}")
    for report in summary.tests.values():
        print(f"\nlast test ({report.phase}, iteration {report.iteration}):")
        print(table([["", "mean"], *([name, f"{value:.6g}"] for name, value in report.values.items())]))
    return summary.exit_code
