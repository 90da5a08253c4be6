"""AffineGenerator layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class AffineGeneratorParam:
    """`around_identity`: the numbers are differences from the identity, so that a layer above that starts at 0 starts there."""

    around_identity: bool = False


@register
class AffineGenerator(Layer):
    """Six numbers (N, 6[, 1, 1]) -> transform (N, 1, 2, 3) of the plane, row by row, for AffineGrid.

    SimilarityGenerator is for rotation, translation and scale alone: together they are gvnn's AffineTransformMatrixGenerator.
    """

    parameters = {"affine_generator_param": AffineGeneratorParam}
    accumulates = True
    uses_bottom = False

    def reshape(self, bottom, top):
        shape = bottom[0].shape
        if shape[1:] not in ((6,), (6, 1, 1)):
            raise ShapeError(f"{self.where}: bottom '{bottom[0].name}' is {shape}, expected (N, 6) or (N, 6, 1, 1)")
        top[0].reshape(shape[0], 1, 2, 3)

    def forward(self, bottom, top):
        transform = top[0].data
        transform[...] = bottom[0].data.reshape(transform.shape)
        if self.affine_generator_param.around_identity:
            transform[..., 0, 0] += 1
            transform[..., 1, 1] += 1

    def backward(self, top, propagate_down, bottom):
        if propagate_down[0]:
            self.write_diff(bottom, 0, top[0].diff.reshape(bottom[0].shape))
