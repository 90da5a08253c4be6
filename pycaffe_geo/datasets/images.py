"""Reading colour and depth pictures, and resizing them."""

from pathlib import Path

import numpy as np

from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry.sampling import resize


def read_color(path):
    """Read a picture as (H, W, 3) uint8 RGB (grey is repeated, alpha dropped)."""
    return np.asarray(_open(path).convert("RGB"))


def read_depth(path, scale):
    """Read a 16-bit depth picture as (H, W) float32 metres: stored value / `scale`; 0 = none."""
    picture = _open(path)
    if picture.mode not in ("I;16", "I;16B", "I;16L", "I"):
        raise DataError(f"{_full(path)}: depth is a picture of mode {picture.mode} (8 bits per value), "
                        "expected one 16-bit channel; a picture made for viewing has lost the depth")
    return np.asarray(picture).astype(np.float32) / np.float32(scale)


def _open(path):
    from PIL import Image, UnidentifiedImageError

    try:
        picture = Image.open(path)
        picture.load()
    except FileNotFoundError as e:
        raise DataError(f"{_full(path)}: no such picture") from e
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError) as e:  # PIL's PNG reader raises SyntaxError
        raise DataError(f"{_full(path)}: cannot be read as a picture: {e}") from e
    return picture


def _full(path):
    return Path(path).resolve()


def resize_color(color, height, width):
    """Resize (H, W, 3) uint8: mean over areas where both sides shrink by integers, else half-pixel bilinear."""
    planes = _resize(color.transpose(2, 0, 1).astype(np.float32), height, width)
    return np.rint(planes).astype(np.uint8).transpose(1, 2, 0)


def resize_depth(depth, height, width):
    """Resize (H, W) depth: the mean (or bilinear mean) of inverse depth over pixels that have one; 0 where none has."""
    valid = depth > 0
    inverse = np.divide(1, depth, out=np.zeros(depth.shape, np.float32), where=valid)
    total, weight = _resize(np.stack([inverse, valid.astype(np.float32)]), height, width)
    return np.divide(weight, total, out=np.zeros_like(total), where=total > 0)


def _resize(planes, height, width):
    rows, columns = planes.shape[1:]
    if rows % height or columns % width:
        return resize(planes, height, width)
    return planes.reshape(-1, height, rows // height, width, columns // width).mean(axis=(2, 4))
