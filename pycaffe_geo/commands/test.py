"""Run a network over --iterations batches and print the mean of every output, and errors of pose against baselines.

Where the net has a PoseError layer, the motions of all batches are gathered: rotation error (degrees), translation error
(metres) and its direction (degrees) stand beside those of the identity and of the mean motion of the same samples.
With --out FOLDER: results.json, results.csv, and panel.png (src, tgt, warped, error) where the net warps an image.
"""

from pycaffe_geo.commands._common import (
    build_net,
    device_of,
    device_options,
    net_options,
    option,
    output_folder,
    table,
    write_csv,
    write_json,
)
from pycaffe_geo.commands._evaluation import run_batches, show_pose_errors

EXAMPLE = """
tools/test.py --net prototxt/pose_early_fusion_small.yaml --iterations 5
tools/train.py --solver solvers/pose_early_fusion_small.yaml --iterations 300 --out runs/first
tools/test.py --net prototxt/pose_early_fusion_small.yaml --weights runs/first/net_iter_300.caffemodel.h5 --out runs/first/test
"""


def arguments(parser):
    net_options(parser, phase="TEST")
    option(parser, "weights")
    option(parser, "iterations", default=50)
    option(parser, "out", metavar="FOLDER", help="write results.json, results.csv and panel.png to this folder")
    device_options(parser)


def run(args):
    net = build_net(args, device=device_of(args), weights=args.weights)
    means, motions = run_batches(net, args.iterations)
    print(f"{net.name or args.net}, {args.phase}, {net.device}: means over {args.iterations} batch(es)")
    print(table([["output", "mean"], *([name, f"{value:.6g}"] for name, value in means.items())]))
    results = {"net": args.net, "weights": args.weights or [], "iterations": args.iterations, "outputs": means}
    results["poses"] = {name: show_pose_errors(name, *pair) for name, pair in motions.items()}
    if args.out:
        _write(output_folder(args.out), results, net)


def _write(folder, results, net):
    from pycaffe_geo.commands._warps import first_rows, warp_number
    from pycaffe_geo.plots.panels import draw_panels

    write_json(folder / "results.json", results)
    rows = [[name, value] for name, value in results["outputs"].items()]
    for name, pose in results["poses"].items():
        rows += [[f"{name} {row['']} {key}", row[key]] for row in pose["errors"] for key in row if key]
        rows += [[f"{name} ratio {key}", value] for key, value in pose["ratios"].items()]
    write_csv(folder / "results.csv", ["name", "value"], rows)
    if warp_number(net) is not None:
        draw_panels(folder / "panel.png", *first_rows(net))
    print(f"written to {folder}")
