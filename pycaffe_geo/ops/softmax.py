"""Softmax along the middle axis."""


def softmax(xp, x, out):
    """Write exp(x) / sum exp(x) along axis 1 of `x` (outer, D, inner) to `out`, which may be `x`; safe for large values."""
    if not x.size:
        return
    xp.subtract(x, x.max(axis=1, keepdims=True), out=out)
    xp.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True)


def softmax_backward(xp, y, dy, dx):
    """Write the gradient to softmax's input to `dx`, which may be `dy`; all are (outer, D, inner), `y` is softmax's output."""
    xp.subtract(dy, xp.einsum("odi,odi->oi", dy, y)[:, None], out=dx)
    dx *= y


def fold_axis(shape, axis):
    """Return (outer, D, inner): the sizes before, at and after `axis`."""
    outer = inner = 1
    for n in shape[:axis]:
        outer *= n
    for n in shape[axis + 1:]:
        inner *= n
    return outer, shape[axis], inner
