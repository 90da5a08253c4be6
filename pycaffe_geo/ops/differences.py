"""Differences of neighbours along the axes of an array, and their adjoint."""


def ends(axis):
    """Return the index of all but the first along `axis`, and that of all but the last: the two sides of `differences`."""
    rest = (slice(None),) * axis
    return (*rest, slice(1, None)), (*rest, slice(None, -1))


def differences(x, axes):
    """Return x[1:] - x[:-1] along each of `axes` in turn: (2,) is d/dy of (N, C, H, W), (3, 3) is d2/dx2."""
    for axis in axes:
        later, earlier = ends(axis)
        x = x[later] - x[earlier]
    return x


def add_adjoint(xp, slope, axes, out):
    """Add to `out`, of x's shape, the gradient to x where `slope` is the gradient to `differences(x, axes)`."""
    later, earlier = ends(axes[0])
    if len(axes) > 1:
        inner = xp.zeros_like(out[later])
        add_adjoint(xp, slope, axes[1:], inner)
        slope = inner
    out[later] += slope
    out[earlier] -= slope
