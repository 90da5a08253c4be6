"""Power layer."""

from dataclasses import dataclass

from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class PowerParam:
    """y = (shift + scale x) ^ power."""

    power: float = 1.0
    scale: float = 1.0
    shift: float = 0.0


@register
class Power(Layer):
    """y = (shift + scale x) ^ power, element by element; any shape (Caffe's Power)."""

    parameters = {"power_param": PowerParam}

    @property
    def in_place(self):
        return self.power_param.power == 1

    @property
    def uses_bottom(self):
        return self.power_param.power != 1

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        p = self.power_param
        y = top[0].data
        self.xp.multiply(bottom[0].data, p.scale, out=y)
        y += p.shift
        if p.power != 1:
            self.xp.power(y, p.power, out=y)

    def backward(self, top, propagate_down, bottom):
        p = self.power_param
        dx = bottom[0].diff
        if p.power * p.scale == 0:  # a constant: 0 even where the base is 0, whose negative powers are infinite
            dx[...] = 0
            return
        if p.power == 1:
            self.xp.multiply(top[0].diff, p.scale, out=dx)
            return
        self.xp.multiply(bottom[0].data, p.scale, out=dx)
        dx += p.shift
        self.xp.power(dx, p.power - 1, out=dx)
        dx *= p.power * p.scale
        dx *= top[0].diff
