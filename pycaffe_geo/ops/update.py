"""One step of an update rule over one parameter, in one compiled pass where that is possible."""

from pycaffe_geo.ops.engines import fast


def plan_update(rule, device, dtype):
    """Return a function(data, diff, history, decay, scale, numbers) that runs `rule` ("SGD" ...) on flat arrays, or None.

    It computes g = scale diff + decay data, turns g into the amount to subtract as solvers.rules says, writes that to diff and
    subtracts it from data. `numbers` are the rule's own: SGD and Nesterov (rate, momentum), Adam (rate with both corrections,
    beta1, beta2, delta).
    """
    kernels = fast("update", device, dtype)
    return getattr(kernels, rule.lower(), None) if kernels else None
