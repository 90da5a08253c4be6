"""The debug_info table: mean absolute values of every layer's data, diffs and parameters."""

import math

from pycaffe_geo.solvers.numeric import squared_norm


def debug_table(net):
    """Return, as text, the mean |data| and mean |diff| of each layer's tops and parameters after a forward and backward pass.

    The values are those Caffe's debug_info prints; a blob that is changed in place shows its last values. The last line has the
    L1 and L2 norms of all parameters.
    """
    lines = [f"{'layer':24} {'blob':28} {'mean |data|':>13} {'mean |diff|':>13}"]
    for layer, tops, runs in zip(net.layers, net.tops, net.backward_layers):
        for blob in tops:
            lines.append(_row(layer.name, blob.name, blob.data, blob.diff if runs else None))
        for blob, learns in zip(layer.blobs, layer.param_propagate_down):
            lines.append(_row(layer.name, blob.name, blob.data, blob.diff if learns else None))
    blobs = net.learnable
    l1 = sum(float(abs(b.data).sum()) for b in blobs), sum(float(abs(b.diff).sum()) for b in blobs)
    l2 = math.sqrt(sum(float((b.data * b.data).sum()) for b in blobs)), math.sqrt(squared_norm(blobs))
    lines.append(f"all net params (data, diff): L1 norm = ({l1[0]:.6g}, {l1[1]:.6g}); L2 norm = ({l2[0]:.6g}, {l2[1]:.6g})")
    return "\n".join(lines)


def _row(layer, blob, data, diff):
    text = "" if diff is None else f"{_mean_abs(diff):.6g}"
    return f"{layer:24} {blob:28} {_mean_abs(data):>13.6g} {text:>13}"


def _mean_abs(array):
    return float(abs(array).mean()) if array.size else 0.0
