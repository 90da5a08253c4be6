"""Input layer."""

from dataclasses import dataclass

from pycaffe_geo.errors import SpecError
from pycaffe_geo.layer import Layer, register


@dataclass(frozen=True)
class BlobShape:
    """The sizes of a blob's axes."""

    dim: tuple[int, ...] = ()


@dataclass(frozen=True)
class InputParam:
    """`shape`: one for each top, or one for all."""

    shape: tuple[BlobShape, ...] = ()


@register
class Input(Layer):
    """Tops that the caller fills: `net.blobs['x'].data[...] = x` or `net.forward(x=x)` (Caffe's Input)."""

    bottoms = (0, 0)
    tops = (1, None)
    parameters = {"input_param": InputParam}
    is_data = True

    def setup(self, bottom, top):
        shapes = self.input_param.shape
        if len(shapes) not in (1, len(top)):
            raise SpecError(f"{self.where}: input_param has {len(shapes)} shapes for {len(top)} tops, expected 1 or {len(top)}")
        for i, blob in enumerate(top):
            blob.reshape(*shapes[min(i, len(shapes) - 1)].dim)

    def reshape(self, bottom, top):
        """Shapes are kept: the caller may have reshaped a top."""

    def forward(self, bottom, top):
        """The caller writes the tops."""
