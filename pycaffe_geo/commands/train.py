"""Train a network as a solver file says; every run writes a folder with its curves and snapshots.

Ctrl-C takes a snapshot and stops; go on with `--resume latest`. A second Ctrl-C stops at once.
"""

from contextlib import ExitStack
from dataclasses import replace

from pycaffe_geo.commands._common import device_options, option, table

EXAMPLE = """
tools/train.py --solver solvers/pose_early_fusion_small.yaml --out runs/first
tools/train.py --solver solvers/pose_early_fusion_small.yaml --out runs/first --resume latest
tools/train.py --solver solvers/pose_early_fusion_small.yaml --out runs/faster --set base_lr=4e-3 --iterations 2000
"""


def arguments(parser):
    option(parser, "solver", required=True)
    option(parser, "weights", help="weights to start from (.caffemodel or .caffemodel.h5) by layer name; later files win")
    option(parser, "resume")
    option(parser, "iterations", help="stop after this iteration (the solver's max_iter)")
    option(parser, "set", help="change a field of the solver or its net: base_lr=1e-4, conv1.convolution_param.num_output=48")
    option(parser, "seed", default=None, help="seed of all random draws (the solver's random_seed)")
    option(parser, "out", metavar="FOLDER", help="folder of the run (default: that of the solver's snapshot_prefix)")
    parser.add_argument("--tensorboard", action="store_true", help="write a TensorBoard log to the run's folder too")
    option(parser, "max-memory")
    device_options(parser)


def run(args):
    from pycaffe_geo.backend import choose_device
    from pycaffe_geo.commands._warps import warp_picture
    from pycaffe_geo.solvers.tensorboard import TensorBoard
    from pycaffe_geo.solvers.train import train

    solver = _load(args)
    with ExitStack() as stack:
        summary = train(
            solver,
            resume=args.resume,
            weights=args.weights or (),
            device=choose_device(args.cpu, args.gpu, solver.solver_mode, solver.device_id),
            out=args.out,
            iterations=args.iterations,
            max_memory=args.max_memory,
            callbacks=[stack.enter_context(TensorBoard(warp_picture))] if args.tensorboard else [],
        )
    s = summary.solver
    if summary.exit_code == 0:
        for net, batches in zip(s.test_nets, s.definition.test_iter):
            _show_poses(net, batches)
            _draw_warps(summary, net, args.weights)
        _show_tests(summary.folder / "metrics.csv")
    print(f"\n{summary.status} at iteration {s.iter}, loss {s.loss:.6g}; the run is in {summary.folder}")
    return summary.exit_code


def _load(args):
    """Return the SolverDef with what --set and --seed change in it; keys with a dot that are no solver field change its net."""
    from pycaffe_geo.spec import NetDef, SolverDef, load_net, load_solver, override
    from pycaffe_geo.spec.typed import fields_of

    mine = [text for text in args.set if "." not in text.partition("=")[0] or text.partition(".")[0] in fields_of(SolverDef)]
    seed = [] if args.seed is None else [f"random_seed={args.seed}"]
    solver = load_solver(args.solver, overrides=[*mine, *seed])
    others = [text for text in args.set if text not in mine]
    if not others:
        return solver
    key = "net" if solver.net else "train_net"
    net = getattr(solver, key)
    changed = override(net, others) if isinstance(net, NetDef) else load_net(net, overrides=others)
    return replace(solver, **{key: changed})


def _show_tests(metrics):
    """Print the outputs of the first and the last test of the run."""
    from pycaffe_geo.plots.curves import read_curves

    tests = {key: curve for key, curve in read_curves(metrics).items() if key[1].startswith("TEST")}
    for phase in dict.fromkeys(phase for _, phase in tests):
        curves = {name: curve for (name, p), curve in tests.items() if p == phase}
        iterations = next(iter(curves.values()))[0]
        print(f"\n{phase}: before (iteration {iterations[0]}) and after training (iteration {iterations[-1]})")
        print(table([["", "before", "after"], *([n, f"{v[0]:.4f}", f"{v[-1]:.4f}"] for n, (_, v) in curves.items())]))


def _show_poses(net, batches):
    """Print the errors of the motions of a whole test against baselines, where the net has a PoseError layer."""
    from pycaffe_geo.commands._evaluation import run_batches, show_pose_errors

    if any(layer.type == "PoseError" for layer in net.layers):
        _, motions = run_batches(net, batches)
        for name, pair in motions.items():
            show_pose_errors(name, *pair)


def _draw_warps(summary, net, weights):
    """Draw warps.png: the same samples warped by the net as it was at first and as it is now."""
    from pycaffe_geo.commands._warps import draw_before_and_after, warp_number
    from pycaffe_geo.solvers.nets import build_nets

    if warp_number(net) is None:
        return
    s = summary.solver
    train_net, test_nets, _ = build_nets(s.definition, s.device, s.dtype)
    if weights:
        train_net.copy_from(weights)
    draw_before_and_after(summary.folder / "warps.png", test_nets[s.test_nets.index(net)], net)
