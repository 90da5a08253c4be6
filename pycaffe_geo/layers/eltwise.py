"""Eltwise layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class EltwiseParam:
    """`coeff`: for SUM, one factor for each bottom (none: all 1). `stable_prod_grad`: PROD's gradient multiplies the other
    bottoms; false divides the top by the bottom, which is wrong where that is 0."""

    operation: Literal["PROD", "SUM", "MAX"] = "SUM"
    coeff: tuple[float, ...] = ()
    stable_prod_grad: bool = True

    def __post_init__(self):
        if self.coeff and self.operation != "SUM":
            raise ValueError(f"coeff is given for operation {self.operation}, expected it for SUM only")


@register
class Eltwise(Layer):
    """Sum, product or maximum of bottoms of one shape, element by element (Caffe's Eltwise).

    The gradient of a maximum goes to one bottom: to the second where the first two are equal, and to a later one only where it
    is larger than all before it.
    """

    bottoms = (2, None)
    parameters = {"eltwise_param": EltwiseParam}
    half = "follows"

    @property
    def views(self):
        return "diff" if self.eltwise_param.operation == "SUM" and set(self.eltwise_param.coeff) <= {1.0} else ""

    @property
    def uses_bottom(self):
        return self.eltwise_param.operation == "PROD"

    @property
    def uses_top(self):
        return "" if self.eltwise_param.stable_prod_grad else "values"

    def setup(self, bottom, top):
        p = self.eltwise_param
        if p.coeff and len(p.coeff) != len(bottom):
            raise SpecError(f"{self.where}: coeff has {len(p.coeff)} value(s), expected {len(bottom)}: one for each bottom")
        self.coeff = p.coeff or (1.0,) * len(bottom)
        self.scratch = Blob((), self.dtype, self.device)
        self.run = {"SUM": self._sum, "PROD": self._prod, "MAX": self._max}[p.operation]
        self.run_back = {"SUM": self._sum_back, "PROD": self._prod_back, "MAX": self._max_back}[p.operation]

    def reshape(self, bottom, top):
        first, shape = bottom[0].name, bottom[0].shape
        for blob in bottom[1:]:
            if blob.shape != shape:
                raise ShapeError(f"{self.where}: bottom '{blob.name}' is {blob.shape}, expected {shape} as bottom '{first}'")
        top[0].reshape(*shape)
        self.scratch.reshape(*shape)
        if self.eltwise_param.operation == "MAX":
            self.winner, self.wins = (self.xp.empty(shape, "uint8" if len(bottom) <= 256 else "int32") for _ in range(2))

    def forward(self, bottom, top):
        self.run([b.data for b in bottom], top[0].data)

    def backward(self, top, propagate_down, bottom):
        values = [b.data for b in bottom] if self.uses_bottom else []
        for i, blob in enumerate(bottom):
            if propagate_down[i]:
                self.run_back(i, blob.diff, values, top[0])

    def _sum(self, x, y):
        if self.views:
            self.xp.add(x[0], x[1], out=y)
            for other in x[2:]:
                y += other
            return
        self.xp.multiply(x[0], self.coeff[0], out=y)
        for other, c in zip(x[1:], self.coeff[1:]):
            y += self.xp.multiply(other, c, out=self.scratch.data)

    def _sum_back(self, i, dx, x, top):
        if self.coeff[i] == 1:
            self.pass_on(top.diff, dx)
        else:
            self.xp.multiply(top.diff, self.coeff[i], out=dx)

    def _prod(self, x, y):
        self.xp.multiply(x[0], x[1], out=y)
        for other in x[2:]:
            y *= other

    def _prod_back(self, i, dx, x, top):
        if self.eltwise_param.stable_prod_grad:
            others = x[:i] + x[i + 1 :]
            self.xp.multiply(top.diff, others[0], out=dx)
            for other in others[1:]:
                dx *= other
        else:
            self.xp.divide(top.data, x[i], out=dx)
            dx *= top.diff

    def _max(self, x, y):
        self.xp.less_equal(x[0], x[1], out=self.winner)
        self.xp.maximum(x[0], x[1], out=y)
        for k, other in enumerate(x[2:], 2):
            self.xp.greater(other, y, out=self.wins)
            self.wins *= k
            self.xp.maximum(self.winner, self.wins, out=self.winner)
            self.xp.maximum(y, other, out=y)

    def _max_back(self, i, dx, x, top):
        self.xp.equal(self.winner, i, out=self.wins)
        self.xp.multiply(top.diff, self.wins, out=dx)
