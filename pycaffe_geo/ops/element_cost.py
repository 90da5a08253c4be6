"""The cost of a weighted difference, element by element: what AbsLoss and EuclideanLoss add up."""

from pycaffe_geo.ops.engines import fast, gpu_allowed
from pycaffe_geo.ops.gpu.element_cost import GpuElementCost


def plan_element_cost(kind, device, dtype):
    """Return an ElementCost, or a faster object with the same functions. `kind` "abs": f(d) = |d|; "square": f(d) = d^2 / 2."""
    if gpu_allowed(device, dtype):
        return GpuElementCost(kind, device, dtype)
    kernels = fast("element_cost", device, dtype)
    return kernels.ElementCost(kind) if kernels else ElementCost(kind, device)


class ElementCost:
    """The sum of w f(a - b), and its gradients.

    weights (of a's shape, or the same with one channel) may be None; where they are 0 an element counts nothing, whatever its
    values.
    """

    def __init__(self, kind, device):
        self.xp = device.xp
        self._square = kind == "square"

    def forward(self, a, b, weights, scratch):
        """Return the sum; scratch: a buffer of a's shape."""
        costs = self._difference(a, b, weights, scratch)
        if self._square:
            costs *= costs
            costs /= 2
        else:
            self.xp.abs(costs, out=costs)
        if weights is not None:
            costs *= weights
        return costs.sum()

    def backward(self, a, b, weights, factor, da, db):
        """Write factor w f'(a - b) to `da`, and to `db` the gradient to b, each unless it is None. factor: of shape ()."""
        slope = self._difference(a, b, weights, db if da is None else da)
        if not self._square:
            self.xp.sign(slope, out=slope)
        if weights is not None:
            slope *= weights
        slope *= -factor if da is None else factor
        if da is not None and db is not None:
            self.xp.negative(slope, out=db)

    def _difference(self, a, b, weights, out):
        self.xp.subtract(a, b, out=out)
        if weights is not None:
            self.xp.copyto(out, 0, where=weights == 0)
        return out
