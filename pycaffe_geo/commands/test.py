"""Run a network over --iterations batches and print the mean of every output, and errors of pose against baselines.

Where the net has a PoseError layer, the motions of all batches are gathered: rotation error (degrees), translation error
(metres) and its direction (degrees) stand beside those of the identity and of the mean motion of the same samples.
With --out FOLDER: results.json, results.csv, and panel.png (src, tgt, warped, error) where the net warps an image.
"""

import csv
import json
import math

from pycaffe_geo.commands._common import (
    build_net,
    device_of,
    device_options,
    net_options,
    option,
    output_folder,
    progress,
    table,
)
from pycaffe_geo.errors import NumericError

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
    means, motions = _run_batches(net, args.iterations)
    print(f"{net.name or args.net}, {args.phase}, {net.device}: means over {args.iterations} batch(es)")
    print(table([["output", "mean"], *([name, f"{value:.6g}"] for name, value in means.items())]))
    results = {"net": args.net, "weights": args.weights or [], "iterations": args.iterations, "outputs": means}
    results["poses"] = {name: _pose_errors(name, *pair) for name, pair in motions.items()}
    if args.out:
        _write(output_folder(args.out), results, net)


def _run_batches(net, iterations):
    """Return ({output: mean over all batches and elements}, {PoseError layer: (predicted, true) transforms})."""
    import numpy as np

    from pycaffe_geo.backend import asnumpy
    from pycaffe_geo.solvers.solver import small_outputs

    totals, motions = {}, {}
    for i in progress(iterations, "testing"):
        net.clock.iteration = i
        net.forward()
        values = small_outputs(net)
        large = [n for n in net.outputs if net.blobs[n].count and not any(v.partition("[")[0] == n for v in values)]
        values |= {f"{name} (all elements)": float(net.blobs[name].data.mean()) for name in large}
        for name, value in values.items():
            if not math.isfinite(value):
                raise NumericError(f"batch {i}: output '{name}' is {value}; {_first_bad(net)}")
            totals[name] = totals.get(name, 0.0) + value / iterations
        for layer, bottoms in zip(net.layers, net.bottoms):
            if layer.type == "PoseError":
                motions.setdefault(layer.name, []).append([asnumpy(b.data).reshape(-1, 4, 4).copy() for b in bottoms])
    return totals, {name: [np.concatenate(part) for part in zip(*pairs)] for name, pairs in motions.items()}


def _first_bad(net):
    """Say which layer was the first to give a value that is not finite."""
    for layer, tops in zip(net.layers, net.tops):
        for top in tops:
            if not bool(net.device.xp.isfinite(top.data).all()):
                return f"the first top that is not finite is '{top.name}' of {layer.where}"
    return "all tops are finite"


def _pose_errors(name, predicted, truth):
    """Print the table of pose errors of one PoseError layer and return it with its ratios to the better baseline."""
    from pycaffe_geo.metrics.pose import baseline_ratios, pose_table

    rows = pose_table(predicted, truth)
    ratios = baseline_ratios(rows)
    heading = list(rows[0])
    print(f"\n{name}: mean errors of {len(truth)} motions")
    print(table([heading, *([row[""], *(f"{row[key]:.4f}" for key in heading[1:])] for row in rows)]))
    print("prediction / better baseline: rotation {rotation:.3f}, translation {translation:.3f}".format(**ratios))
    return {"errors": rows, "ratios": ratios}


def _write(folder, results, net):
    from pycaffe_geo.commands._warps import warp_number, warp_rows
    from pycaffe_geo.plots.panels import draw_panels

    (folder / "results.json").write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    rows = [[name, value] for name, value in results["outputs"].items()]
    for name, pose in results["poses"].items():
        rows += [[f"{name} {row['']} {key}", row[key]] for row in pose["errors"] for key in row if key]
        rows += [[f"{name} ratio {key}", value] for key, value in pose["ratios"].items()]
    with open(folder / "results.csv", "w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows([["name", "value"], *rows])
    if warp_number(net) is not None:
        draw_panels(folder / "panel.png", *warp_rows(net))
    print(f"written to {folder}")
