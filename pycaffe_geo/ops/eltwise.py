"""Sum, product and maximum of several arrays of one shape, planned once per shape."""

from pycaffe_geo.ops.engines import fast


def plan_eltwise(operation, shape, coeff, dtype, device, stable=True):
    """Return a Sum, Product or Maximum (operation SUM, PROD, MAX) of arrays of `shape`, or a faster object with its functions.

    coeff has one factor for each array; only a sum needs them. stable: see Product.
    """
    kernels = fast("eltwise", device, dtype)
    arguments = shape, coeff, dtype, device
    if operation == "SUM":
        return (kernels.Sum if kernels else Sum)(*arguments)
    if operation == "MAX":
        return (kernels.Maximum if kernels else Maximum)(*arguments)
    return (kernels.Product if kernels and stable else Product)(*arguments, stable)


class Sum:
    """y = sum of coeff[k] x[k]. forward_rectified writes max(y, 0) instead."""

    def __init__(self, shape, coeff, dtype, device):
        self.xp = device.xp
        self._coeff = coeff
        self._plain = set(coeff) == {1.0}
        self._scaled = None if self._plain else self.xp.empty(shape, dtype)

    def forward(self, x, y):
        """Write y from the arrays x."""
        if self._plain:
            self.xp.add(x[0], x[1], out=y)
            for other in x[2:]:
                y += other
            return
        self.xp.multiply(x[0], self._coeff[0], out=y)
        for other, c in zip(x[1:], self._coeff[1:]):
            y += self.xp.multiply(other, c, out=self._scaled)

    def forward_rectified(self, x, y):
        """As forward."""
        self.forward(x, y)
        self.xp.maximum(y, 0, out=y)

    def backward(self, i, x, y, dy, dx):
        """Write the gradient dx of array i; x and y may be None."""
        self.xp.multiply(dy, self._coeff[i], out=dx)


class Product:
    """y = product of x[k]. stable: the gradient multiplies the other arrays; else it divides y by one, wrong where that is 0."""

    def __init__(self, shape, coeff, dtype, device, stable):
        self.xp = device.xp
        self._stable = stable

    def forward(self, x, y):
        """As Sum.forward."""
        self.xp.multiply(x[0], x[1], out=y)
        for other in x[2:]:
            y *= other

    def backward(self, i, x, y, dy, dx):
        """As Sum.backward; y may be None where the product is stable."""
        if self._stable:
            others = x[:i] + x[i + 1:]
            self.xp.multiply(dy, others[0], out=dx)
            for other in others[1:]:
                dx *= other
        else:
            self.xp.divide(y, x[i], out=dx)
            dx *= dy


class Maximum:
    """y = the largest of x[k]. It keeps which one that was: the second where the first two are equal, and a later one only where
    it is larger than all before it."""

    def __init__(self, shape, coeff, dtype, device):
        self.xp = device.xp
        self._winner, self._wins = (self.xp.empty(shape, "uint8" if len(coeff) <= 256 else "int32") for _ in range(2))

    def forward(self, x, y):
        """As Sum.forward."""
        self.xp.less_equal(x[0], x[1], out=self._winner)
        self.xp.maximum(x[0], x[1], out=y)
        for k, other in enumerate(x[2:], 2):
            self.xp.greater(other, y, out=self._wins)
            self._wins *= k
            self.xp.maximum(self._winner, self._wins, out=self._winner)
            self.xp.maximum(y, other, out=y)

    def backward(self, i, x, y, dy, dx):
        """As Sum.backward."""
        self.xp.equal(self._winner, i, out=self._wins)
        self.xp.multiply(dy, self._wins, out=dx)
