"""ReLU layer."""

from dataclasses import dataclass
from typing import Literal

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.relu import plan_relu


@dataclass(frozen=True)
class ReLUParam:
    """`negative_slope`: the slope below 0 (leaky where not 0). `engine`: CAFFE asks for NumPy on the CPU."""

    negative_slope: float = 0.0
    engine: Literal["DEFAULT", "CAFFE", "CUDNN"] = "DEFAULT"


@register
class ReLU(Layer):
    """y = max(x, 0) + negative_slope min(x, 0), element by element; any shape (Caffe's ReLU; Nair and Hinton 2010).

    The slope at 0 is negative_slope.
    """

    parameters = {"relu_param": ReLUParam}
    half = "follows"
    in_place = True
    keeps_sign = True

    def setup(self, bottom, top):
        self.slope = self.relu_param.negative_slope
        if top[0] is bottom[0]:
            self.uses_top = "sign"
            if self.slope < 0:
                raise SpecError(
                    f"{self.where}: negative_slope is {self.slope}, expected at least 0 where top is bottom: "
                    "the sign of x is lost; give the top a name of its own"
                )

    @property
    def only_rectifies(self):
        return self.slope == 0 and self.relu_param.engine != "CAFFE"

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)
        self.plan = plan_relu(bottom[0].shape, self.slope, self.dtype, self.device, self.relu_param.engine)

    def forward(self, bottom, top):
        self.plan.forward(bottom[0].data, top[0].data)

    def backward(self, top, propagate_down, bottom):
        self.plan.backward(bottom[0].data, top[0].diff, bottom[0].diff)
