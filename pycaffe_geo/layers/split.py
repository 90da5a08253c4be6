"""Split layer."""

from pycaffe_geo.layer import Layer, register


@register
class Split(Layer):
    """Copies the bottom to every top; the bottom's gradient is the sum of theirs (Caffe's Split).

    A network needs none: a blob may feed several layers. Here for networks that name it.
    """

    tops = (1, None)
    views = "both"
    half = "follows"
    uses_bottom = False

    def reshape(self, bottom, top):
        for blob in top:
            blob.reshape(*bottom[0].shape)

    def forward(self, bottom, top):
        for blob in top:
            self.pass_on(bottom[0].data, blob.data)

    def backward(self, top, propagate_down, bottom):
        dx = bottom[0].diff
        self.pass_on(top[0].diff, dx)
        for blob in top[1:]:
            dx += blob.diff
