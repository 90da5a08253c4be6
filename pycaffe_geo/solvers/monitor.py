"""Warns when depth, pose or a mask collapses to a constant: the loss may still fall while nothing is learnt."""

import logging

from pycaffe_geo.solvers.callback import Callback

log = logging.getLogger(__name__)

SPREAD = 1e-3  # a standard deviation below this part of the mean absolute value is a constant
AT_BOUND = 0.9  # more than this part of the pixels at the least or the greatest value is a collapse
DEPTH, POSE, MASK = "depth", "pose", "mask"


class Monitor(Callback):
    """Looks, at each display, at predicted depth and pose and at every mask; warns once a blob until it recovers.

    Depth is bottom 0 of Transform3DGrid and EigenLoss, pose is the twist of SE3Generator;
    both only where a gradient flows into them. Masks are the weights of losses and the validity tops of the geometry layers.
    """

    def __init__(self):
        self._warned = set()

    def displayed(self, solver, report):
        for kind, index, blob in watched(solver.net):
            problem = collapse(kind, blob.data)
            if problem and blob.name not in self._warned:
                self._warned.add(blob.name)
                cause = dead_relu(solver.net, index, blob)
                log.warning("iteration %d: %s blob '%s' has collapsed: %s%s", report.iteration, kind, blob.name, problem, cause)
            elif not problem:
                self._warned.discard(blob.name)


def watched(net):
    """Return [(kind, number of the layer that reads or makes it, Blob)] of what a Monitor looks at, each blob once."""
    found = {}
    for i, (layer, bottom, top) in enumerate(zip(net.layers, net.bottoms, net.tops)):
        learns = net.propagate_down(i)
        if layer.type in ("Transform3DGrid", "EigenLoss") and learns[0]:
            found.setdefault(bottom[0].name, (DEPTH, i, bottom[0]))
        elif layer.type == "SE3Generator" and learns[0]:
            found.setdefault(bottom[0].name, (POSE, i, bottom[0]))
        elif layer.type in ("PinholeProjection", "InverseWarping") and len(top) == layer.tops[1]:
            found.setdefault(top[-1].name, (MASK, i + 1, top[-1]))
        if layer.is_loss and len(bottom) > 2:
            found.setdefault(bottom[2].name, (MASK, i, bottom[2]))
    return list(found.values())


def seen_blobs(net):
    """Return the names of the blobs that are looked at after an iteration: by a Monitor, and in pictures of warps."""
    seen, warped = [], set()
    for _, index, blob in watched(net):
        relu = nearest_relu(net, index, blob)
        seen += [blob] if relu is None else [blob, net.tops[relu][0]]
    for layer, bottom, top in zip(net.layers, net.bottoms, net.tops):
        if layer.type == "InverseWarping":
            warped.update(top)
        if layer.type == "InverseWarping" or (layer.is_loss or layer.type == "PhotometricError") and warped & {*bottom}:
            seen += [*bottom, *top]
    seen += [net.blobs[name] for name in ("depth", "tgt") if name in net.blobs]
    return list(dict.fromkeys(blob.name for blob in seen))


def collapse(kind, data):
    """Return what is wrong with `data`, or "".

    depth: std / mean < 1e-3, or more than 90 % of the pixels at the least or greatest value. pose: the same twist for every
    sample (an output of exactly 0 is a fresh head, not a collapse). mask: more than 90 % of it 0, or one value between 0 and 1.
    """
    if kind == POSE:
        return _constant(data.std(axis=0), data) if data.shape[0] > 1 and bool(data.any()) else ""
    if kind == MASK:
        zero = float((data == 0).mean())
        if zero > AT_BOUND:
            return f"{zero:.1%} of it is 0"
        return "" if bool((data == 1).any()) else _constant(data.std(), data)
    for bound, value in (("least", data.min()), ("greatest", data.max())):
        share = float((data == value).mean())
        if share > AT_BOUND:
            return f"{share:.1%} of the pixels are at the {bound} value, {float(value):.6g}"
    return _constant(data.std(), data)


def dead_relu(net, index, blob):
    """Return a text that names the nearest ReLU below `blob` (made below layer `index`) where it gives 0 nearly everywhere."""
    index = nearest_relu(net, index, blob)
    if index is None:
        return ""
    zero, name = float((net.tops[index][0].data == 0).mean()), net.layers[index].name
    return f"; the ReLU '{name}' below it is dead: {zero:.1%} of its output is 0" if zero > AT_BOUND else ""


def nearest_relu(net, index, blob):
    """Return the number of the nearest ReLU below `blob`, which is made below layer `index`, or None."""
    while True:
        index = next((i for i in reversed(range(index)) if any(t is blob for t in net.tops[i])), None)
        if index is None or not net.bottoms[index]:
            return None
        if net.layers[index].type == "ReLU":
            return index
        blob = net.bottoms[index][0]


def _constant(spread, data):
    spread = float((spread**2).mean()) ** 0.5
    level = float(abs(data).mean())
    return f"standard deviation {spread:.3g} at a mean size of {level:.3g}" if spread < SPREAD * level else ""
