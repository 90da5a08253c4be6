"""Filter layer."""

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.layer import Layer, register


@register
class Filter(Layer):
    """Passes on the samples that the last bottom selects: top i holds those of bottom i, in their order (Caffe's Filter).

    Bottoms (N, ...) and the selector (N, 1, ...), not 0 where a sample is chosen; tops (K, ...). K is known in forward alone, and
    may be 0. Samples left out get the gradient 0.
    """

    bottoms = (2, None)
    tops = (1, None)
    on_host = True
    uses_bottom = False

    def setup(self, bottom, top):
        if len(top) != len(bottom) - 1:
            raise SpecError(
                f"{self.where}: has {len(top)} top(s), expected {len(bottom) - 1}: one for each bottom but the last, the selector"
            )
        self.no_gradient = (len(bottom) - 1,)

    def reshape(self, bottom, top):
        """Room for all samples; forward then gives the tops their sizes."""
        *sources, selector = bottom
        samples = self.expect(selector, "N", ...)[0]
        if selector.count != samples:
            raise ShapeError(f"{self.where}: bottom '{selector.name}' is {selector.shape}, expected one number for each sample")
        for source, blob in zip(sources, top):
            blob.reshape(*self.expect(source, samples, ...))

    def forward(self, bottom, top):
        *sources, selector = bottom
        self.chosen = self.xp.flatnonzero(selector.data)
        for source, blob in zip(sources, top):
            blob.reshape(len(self.chosen), *source.shape[1:])
            blob.data[...] = source.data[self.chosen]

    def backward(self, top, propagate_down, bottom):
        for source, blob, wanted in zip(bottom, top, propagate_down):
            if wanted:
                source.diff[...] = 0
                source.diff[self.chosen] = blob.diff
