"""AbsVal layer."""

from pycaffe_geo.layer import Layer, register


@register
class AbsVal(Layer):
    """y = |x|, element by element; any shape. The slope at 0 is 0 (Caffe's AbsVal)."""

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        self.xp.absolute(bottom[0].data, out=top[0].data)

    def backward(self, top, propagate_down, bottom):
        dx = bottom[0].diff
        self.xp.sign(bottom[0].data, out=dx)
        dx *= top[0].diff
