"""Cast layer."""

import numpy as np

from pycaffe_geo.layer import Layer, register


@register
class Cast(Layer):
    """Copies the bottom to a top of another precision. A Net with float16 blobs puts these layers in by itself.

    The diffs of a float16 blob are `loss_scale` times those of a float32 one, so that small ones do not become 0 (Micikevicius
    et al. 2018, arXiv:1710.03740). Values too large for float16 become infinite.
    """

    accumulates = True
    uses_bottom = False

    def reshape(self, bottom, top):
        top[0].reshape(*bottom[0].shape)
        self.wide = np.promote_types(self.dtype, "float32")

    def forward(self, bottom, top):
        with np.errstate(over="ignore"):
            top[0].data[...] = bottom[0].data

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            factor = self._scale(bottom[0]) / self._scale(top[0])
            with np.errstate(over="ignore"):
                self.write_diff(bottom, 0, self.xp.multiply(top[0].diff, factor, dtype=self.wide))

    def _scale(self, blob):
        return self.loss_scale if blob.dtype == np.float16 else 1.0
