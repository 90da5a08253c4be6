"""The slopes of a whole net's loss: backward against central differences, for every layer's parameters along one
random direction.

check_net looks at single elements, many of each blob; for networks of hundreds of small blobs that takes minutes.
"""

import numpy as np

STEPS = (1e-6, 1e-7, 1e-8, 1e-5)
SMALLEST = 1e-3  # of the largest slope: below it, errors are taken relative to that


def slope_errors(net, seed=0):
    """Return {layer: relative error} of a float64 net that sees the same data in every forward, for all layers that learn."""
    draw = np.random.default_rng(seed)
    net.clear_param_diffs()
    net.forward()
    net.backward()
    learning = {}
    for name, blob, lr in zip(net.param_names, net.learnable, net.lr_mults):
        if lr:
            direction = draw.normal(size=blob.shape) * (abs(blob.data).mean() or 0.1)
            learning.setdefault(name.partition("[")[0], []).append((blob, direction))
    slopes = {name: sum(np.vdot(blob.diff, direction) for blob, direction in moves) for name, moves in learning.items()}
    least = SMALLEST * max(map(abs, slopes.values()))
    return {name: min(_errors(net, moves, slopes[name], least)) for name, moves in learning.items()}


def _errors(net, moves, slope, least):
    """Yield the errors of `slope` for each step, up to the first that is small enough."""
    old = [blob.data.copy() for blob, _ in moves]
    for step in STEPS:
        losses = []
        for sign in (1, -1):
            for (blob, direction), values in zip(moves, old):
                blob.data[...] = values + sign * step * direction
            net.forward()
            losses.append(net.loss)
        for (blob, _), values in zip(moves, old):
            blob.data[...] = values
        numeric = (losses[0] - losses[1]) / (2 * step)
        error = abs(numeric - slope) / max(abs(numeric), abs(slope), least)
        yield error
        if error < 1e-6:
            return
