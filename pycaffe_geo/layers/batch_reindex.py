"""BatchReindex layer."""

import math

from pycaffe_geo.families.indices import whole_numbers
from pycaffe_geo.layer import Layer, register
from pycaffe_geo.ops.scatter import add_rows


@register
class BatchReindex(Layer):
    """Picks samples by number, in any order, any of them several times: x (N, ...), index (M,) -> (M, ...).

    The gradient goes to x alone (Caffe's BatchReindex).
    """

    bottoms = (2, 2)
    no_gradient = (1,)
    uses_bottom = False

    def reshape(self, bottom, top):
        shape = self.expect(bottom[0], "N", ...)
        (count,) = self.expect(bottom[1], "M")
        top[0].reshape(count, *shape[1:])
        self.width = math.prod(shape[1:])

    def forward(self, bottom, top):
        self.index = whole_numbers(self, bottom[1], bottom[0].shape[0])
        top[0].data[...] = bottom[0].data[self.index]

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            dx = bottom[0].diff
            dx[...] = 0
            dy = top[0].diff
            add_rows(self.xp, dx.reshape(len(dx), self.width), self.index, dy.reshape(len(dy), self.width))
