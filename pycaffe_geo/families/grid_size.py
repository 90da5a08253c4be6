"""What layers that make a pixel grid share: its height and width, from their parameters or from a further bottom."""

from dataclasses import dataclass

from pycaffe_geo.errors import SpecError


@dataclass(frozen=True)
class GridSizeParam:
    """The grid has `height` x `width` pixels, or those of the layer's last bottom."""

    height: int | None = None
    width: int | None = None

    def __post_init__(self):
        if (self.height is None) != (self.width is None):
            raise ValueError("expected height and width, got one of them")
        if self.height is not None and min(self.height, self.width) < 1:
            raise ValueError(f"height and width are {self.height} and {self.width}, expected at least 1")


def check_grid_size(layer, param, bottom):
    """SpecError unless the size stands either in `param` or in the last of all the bottoms the layer can have."""
    if (param.height is not None) == (len(bottom) == layer.bottoms[1]):
        raise SpecError(f"{layer.where}: expected height and width, or a last bottom of that size: one of the two")


def grid_size(layer, param, bottom):
    """Return (height, width)."""
    if param.height is not None:
        return param.height, param.width
    return layer.expect(bottom[-1], "N", "C", "H", "W")[2:]
