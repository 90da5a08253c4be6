"""Warns when depth, disparity, pose or a mask collapses: the loss may still fall while nothing is learnt."""

import logging

from pycaffe_geo.solvers.callback import Callback

log = logging.getLogger(__name__)

SPREAD = 1e-3  # a standard deviation below this part of the mean absolute value is a constant
AT_BOUND = 0.9  # more than this part of the pixels at the least or the greatest value is a collapse
UNSEEN = 0.01  # a pixel that a predicted mask weighs less does not count
DEPTH, DISPARITY, POSE, MASK, WEIGHT = "depth", "disparity", "pose", "mask", "predicted mask"


class Monitor(Callback):
    """Looks, at each display, at predicted depth and pose and at every mask; warns once a blob until it recovers.

    Depth is bottom 0 of Transform3DGrid and EigenLoss, disparity that of SmoothnessLoss and Disparity1D and the u of Warping,
    pose what SE3Generator and EulerGenerator read; all only where a gradient flows into them. Masks are the weights of losses
    and the validity tops of the geometry layers; predicted masks come from a Softmax into an Eltwise product.
    """

    def __init__(self):
        self._warned = set()

    def displayed(self, solver, report):
        for kind, index, blob in watched(solver.net):
            fresh = kind == DISPARITY and report.iteration == 0 and not bool(blob.data.any())  # heads may start at exactly 0
            problem = "" if fresh else collapse(kind, blob.data)
            if problem and blob.name not in self._warned:
                self._warned.add(blob.name)
                cause = dead_relu(solver.net, index, blob)
                log.warning("iteration %d: %s blob '%s' has collapsed: %s%s", report.iteration, kind, blob.name, problem, cause)
            elif not problem:
                self._warned.discard(blob.name)


# {layer type: (kind, number of the bottom)}
_PREDICTED = {"Transform3DGrid": (DEPTH, 0), "EigenLoss": (DEPTH, 0), "SmoothnessLoss": (DISPARITY, 0),
              "Disparity1D": (DISPARITY, 0), "Warping": (DISPARITY, 1), "SE3Generator": (POSE, 0), "EulerGenerator": (POSE, 0)}


def watched(net):
    """Return [(kind, number of the layer that reads or makes it, Blob)] of what a Monitor looks at, each blob once."""
    found = {}
    for i, (layer, bottom, top) in enumerate(zip(net.layers, net.bottoms, net.tops)):
        learns = net.propagate_down(i)
        if layer.type in _PREDICTED:
            kind, number = _PREDICTED[layer.type]
            if learns[number]:
                found.setdefault(bottom[number].name, (kind, i, bottom[number]))
        elif layer.type in ("PinholeProjection", "InverseWarping") and len(top) == layer.tops[1]:
            found.setdefault(top[-1].name, (MASK, i + 1, top[-1]))
        elif layer.type == "Eltwise" and layer.eltwise_param.operation == "PROD":
            for blob, wanted in zip(bottom, learns):
                if wanted and _from_softmax(net, i, blob):
                    found.setdefault(blob.name, (WEIGHT, i, blob))
        if layer.is_loss and len(bottom) > 2:
            found.setdefault(bottom[2].name, (MASK, i, bottom[2]))
    return list(found.values())


def _from_softmax(net, index, blob):
    """Does a Softmax make `blob`, which is made below layer `index`, or what is cut and reshaped to it?"""
    while True:
        index = _maker(net, index, blob)
        if index is None or net.layers[index].type not in ("Softmax", "Slice", "Reshape"):
            return False
        if net.layers[index].type == "Softmax":
            return True
        blob = net.bottoms[index][0]


def _maker(net, index, blob):
    """Return the number of the last layer below layer `index` that makes `blob`, or None."""
    return next((i for i in reversed(range(index)) if any(t is blob for t in net.tops[i])), None)


def seen_blobs(net):
    """Return the names of the blobs that are looked at after an iteration: by a Monitor, and in pictures of warps."""
    seen, warped = [], set()
    for _, index, blob in watched(net):
        relu = nearest_relu(net, index, blob)
        seen += [blob] if relu is None else [blob, net.tops[relu][0]]
    for layer, bottom, top in zip(net.layers, net.bottoms, net.tops):
        if layer.type == "InverseWarping":
            warped.update(top)
        if layer.type == "Transform3DGrid":
            seen.append(bottom[0])
        if layer.type == "InverseWarping" or (layer.is_loss or layer.type == "PhotometricError") and warped & {*bottom}:
            seen += [*bottom, *top]
    seen += [net.blobs[name] for name in ("depth", "tgt") if name in net.blobs]
    return list(dict.fromkeys(blob.name for blob in seen))


def collapse(kind, data):
    """Return what is wrong with `data`, or "".

    depth, disparity: std / mean < 1e-3, or more than 90 % of the pixels at the least or greatest value. pose: the same numbers
    for every sample (an output of exactly 0 is a fresh head, not a collapse). mask: more than 90 % of it 0, or one value between
    0 and 1. predicted mask: more than 90 % of it below 0.01.
    """
    if kind == POSE:
        return _constant(data.std(axis=0), data) if data.shape[0] > 1 and bool(data.any()) else ""
    if kind == WEIGHT:
        unseen = float((data < UNSEEN).mean())
        return f"{unseen:.1%} of it is below {UNSEEN}: nothing counts" if unseen > AT_BOUND else ""
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
        index = _maker(net, index, blob)
        if index is None or not net.bottoms[index]:
            return None
        if net.layers[index].type == "ReLU":
            return index
        blob = net.bottoms[index][0]


def _constant(spread, data):
    spread = float((spread**2).mean()) ** 0.5
    level = float(abs(data).mean())
    return f"standard deviation {spread:.3g} at a mean size of {level:.3g}" if spread < SPREAD * level else ""
