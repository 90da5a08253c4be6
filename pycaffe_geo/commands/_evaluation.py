"""Running a net over batches: means of its outputs, and errors of its motions against baselines."""

import math

from pycaffe_geo.commands._common import progress, table
from pycaffe_geo.errors import NumericError


def run_batches(net, iterations):
    """Return ({output: mean over all batches and elements}, {PoseError layer: (predicted, true) transforms}); where that layer
    fits the scale, the predicted translations have one factor for all batches."""
    import numpy as np

    from pycaffe_geo.backend import asnumpy
    from pycaffe_geo.metrics.pose import fit_scale
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
    motions = {name: [np.concatenate(part) for part in zip(*pairs)] for name, pairs in motions.items()}
    for layer in net.layers:
        if layer.name in motions and layer.pose_error_param.fit_scale:
            motions[layer.name][0] = fit_scale(*motions[layer.name])
    return totals, motions


def _first_bad(net):
    """Say which layer was the first to give a value that is not finite."""
    for layer, tops in zip(net.layers, net.tops):
        for top in tops:
            if not top.memories[0].lost and not bool(net.device.xp.isfinite(top.data).all()):
                return f"the first top that is not finite is '{top.name}' of {layer.where}"
    return "all tops are finite"


def show_pose_errors(name, predicted, truth):
    """Print the table of pose errors of one PoseError layer and return it with its ratios to the better baseline."""
    from pycaffe_geo.metrics.pose import baseline_ratios, pose_table

    rows = pose_table(predicted, truth)
    ratios = baseline_ratios(rows)
    heading = list(rows[0])
    print(f"\n{name}: mean errors of {len(truth)} motions")
    print(table([heading, *([row[""], *(f"{row[key]:.4f}" for key in heading[1:])] for row in rows)]))
    print("prediction / better baseline: rotation {rotation:.3f}, translation {translation:.3f}".format(**ratios))
    return {"errors": rows, "ratios": ratios}
