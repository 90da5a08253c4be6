"""Non-finite numbers: the cheap check of every iteration, and the search for the layer that made the first one."""

import math

import numpy as np

from pycaffe_geo.errors import NumericError
from pycaffe_geo.ops.update import plan_squared_norm


def squared_norm(blobs):
    """Return the sum of squares of the blobs' diffs, a float: two kernels or one dot product a blob, and one transfer."""
    if not blobs:
        return 0.0
    together = plan_squared_norm(blobs[0].device, blobs[0].dtype)
    if together:
        return float(together([b.diff for b in blobs]))
    xp = blobs[0].device.xp
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(xp.stack([xp.dot(b.diff.reshape(-1), b.diff.reshape(-1)) for b in blobs]).sum(dtype="float64"))
        if math.isfinite(total):
            return total
        # float32 overflows where no single value does: only a value that is itself not finite is an error
        return sum(float(xp.square(b.diff, dtype="float64").sum()) for b in blobs)


def all_finite(array):
    """True where `array` has no NaN and no infinity."""
    flat = array.reshape(-1)
    with np.errstate(over="ignore", invalid="ignore"):
        if flat.dtype.kind != "f" or math.isfinite(float(flat.dot(flat))):
            return True
    return _bad_count(array) == 0


def check_parameters(net, iteration):
    """Raise NumericError where a parameter is not finite after the update of `iteration`."""
    for name, blob in zip(net.param_names, net.learnable):
        if not all_finite(blob.data):
            layer = name.rpartition("[")[0]
            raise NumericError(
                f"iteration {iteration}, update: layer '{layer}': parameter blob '{name}': {_describe(blob.data)}; "
                "lower base_lr or set clip_gradients"
            )


def find_culprit(net, iteration, steps, positions, symptom):
    """Run the batch of `iteration` again layer by layer and raise NumericError naming the first layer whose result is not finite.

    `steps` is iter_size, `positions` the data positions at the start of the iteration, `symptom` what was noticed.
    """
    _check_learned(net, iteration)
    net.set_positions(positions)
    net.clear_param_diffs()
    for step in range(steps):
        net.clock.step = step
        for i in range(len(net.layers)):
            net.forward_layer(i)
            _check_forward(net, i, iteration, symptom)
        for i in reversed(range(len(net.layers))):
            if net.backward_layers[i]:
                net.backward_layer(i)
                _check_backward(net, i, iteration, symptom)
    raise NumericError(
        f"iteration {iteration}: {symptom}, but the same batch, run again layer by layer, stays finite; "
        "a layer that keeps a state or draws random numbers of its own cannot be repeated"
    )


def _check_learned(net, iteration):
    """The update before this iteration may have made a weight overflow. BatchNorm's statistics are left to the forward pass."""
    for name, blob, lr_mult in zip(net.param_names, net.learnable, net.lr_mults):
        if lr_mult and not all_finite(blob.data):
            layer = name.rpartition("[")[0]
            cause, hint = "not finite before training began", "look at the weights or fillers it starts from"
            if iteration:
                cause, hint = f"made non-finite by the update of iteration {iteration - 1}", "lower base_lr or set clip_gradients"
            raise NumericError(
                f"iteration {iteration}, update: layer '{layer}': parameter blob '{name}' was {cause} "
                f"({_describe(blob.data)}); {hint}"
            )


def _check_forward(net, i, iteration, symptom):
    for blob in net.tops[i]:
        if not all_finite(blob.data):
            _fail(net.layers[i], blob.name, blob.data, f"iteration {iteration}, forward", symptom)


def _check_backward(net, i, iteration, symptom):
    layer, where = net.layers[i], f"iteration {iteration}, backward"
    for blob, computed in zip(layer.blobs, layer.param_propagate_down):
        if computed and not all_finite(blob.diff):
            _fail(layer, blob.name, blob.diff, where, symptom)
    for blob, computed in zip(net.bottoms[i], net.propagate_down(i)):
        if computed and not all_finite(blob.diff):
            _fail(layer, blob.name, blob.diff, where, symptom)


def _fail(layer, blob, array, when, symptom):
    part = "diff" if when.endswith("backward") else "data"
    source = "its data are" if layer.is_data else "it is the first layer whose result is"
    raise NumericError(f"{when}: {layer.where}: blob '{blob}': {_describe(array)} in its {part}; {source} not finite ({symptom})")


def _bad_count(array):
    return int(array.size) - int((abs(array) < math.inf).sum())


def _describe(array):
    return f"{_bad_count(array)} of {array.size} values are NaN or infinite"
