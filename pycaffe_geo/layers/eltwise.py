"""Eltwise layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.eltwise import plan_eltwise


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

    @property
    def rectifies(self):
        return self.eltwise_param.operation == "SUM" and not self.uses_top

    def setup(self, bottom, top):
        p = self.eltwise_param
        if p.coeff and len(p.coeff) != len(bottom):
            raise SpecError(f"{self.where}: coeff has {len(p.coeff)} value(s), expected {len(bottom)}: one for each bottom")
        self.coeff = p.coeff or (1.0,) * len(bottom)

    def reshape(self, bottom, top):
        first, shape = bottom[0].name, bottom[0].shape
        for blob in bottom[1:]:
            if blob.shape != shape:
                raise ShapeError(f"{self.where}: bottom '{blob.name}' is {blob.shape}, expected {shape} as bottom '{first}'")
        top[0].reshape(*shape)
        p = self.eltwise_param
        self.plan = plan_eltwise(p.operation, shape, self.coeff, self.dtype, self.device, p.stable_prod_grad)

    def forward(self, bottom, top):
        self.plan.forward([b.data for b in bottom], top[0].data)

    def forward_rectified(self, bottom, top):
        self.plan.forward_rectified([b.data for b in bottom], top[0].data)

    def backward(self, top, propagate_down, bottom):
        x = [b.data for b in bottom] if self.uses_bottom else None
        y = top[0].data if self.uses_top else None
        for i, blob in enumerate(bottom):
            if propagate_down[i] and self.eltwise_param.operation == "SUM" and self.coeff[i] == 1:
                self.pass_on(top[0].diff, blob.diff)
            elif propagate_down[i]:
                self.plan.backward(i, x, y, top[0].diff, blob.diff)
