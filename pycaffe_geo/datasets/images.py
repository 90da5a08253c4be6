"""Reading colour and depth pictures, and resizing them."""

import re
from pathlib import Path

import numpy as np

from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry.sampling import resize

_GREY = np.array([9798, 19235, 3735], np.int32)  # 0.299, 0.587, 0.114 of 2 ** 15
_PICTURES = {".png", ".jpg", ".jpeg", ".ppm", ".pgm", ".bmp", ".tif", ".tiff"}


def list_pictures(folder):
    """Return the paths of the pictures in `folder`, `in_order`; DataError where none is."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{_full(folder)}: no such folder")
    found = in_order(folder, _PICTURES)
    if not found:
        raise DataError(f"{_full(folder)}: holds no picture ({', '.join(sorted(_PICTURES))})")
    return found


def in_order(folder, endings):
    """Return the paths of the files in `folder` with these endings, such as .png, by name, numbers by their value: 2 before 10.

    Hidden files are left out: systems put things of their own there (._000001.png).
    """
    found = [path for path in folder.iterdir() if path.suffix.lower() in endings and not path.name.startswith(".")]
    return sorted(found, key=lambda path: (_words(path.name), path.name))


def check_partners(pictures, others):
    """Raise DataError where two lists of paths, which go together by their order, share some names but not all: of each side
    one may be missing, and all between would go together wrongly."""
    if not {path.stem for path in pictures} & {path.stem for path in others}:
        return
    for path, other in zip(pictures, others):
        if path.stem != other.stem:
            raise DataError(f"{_full(path)}: would go with {_full(other)}; expected the same names in both folders, or none in "
                            "common: is a picture missing on each side?")


def _words(name):
    """Return a name in pieces, every second one a number."""
    return [int(part) if i % 2 else part for i, part in enumerate(re.split(r"(\d+)", name))]


def read_color(path):
    """Read a picture as (H, W, 3) uint8 RGB (grey is repeated, alpha dropped), upright as its camera says (EXIF)."""
    return np.asarray(_open(path, upright=True).convert("RGB"))


def read_depth(path, scale):
    """Read a 16-bit depth picture as (H, W) float32 metres: stored value / `scale`; 0 = none."""
    picture = _open(path)
    if picture.mode not in ("I;16", "I;16B", "I;16L", "I"):
        raise DataError(f"{_full(path)}: depth is a picture of mode {picture.mode} (8 bits per value), "
                        "expected one 16-bit channel; a picture made for viewing has lost the depth")
    return np.asarray(picture).astype(np.float32) / np.float32(scale)


def read_planes(source, color=True, name=None):
    """Read a picture as (C, H, W) uint8: BGR where `color`, one grey channel where not; None: grey or BGR as it is stored.

    source: a path, or a binary file in memory called `name` in messages. Alpha is dropped, of 16 bits the upper 8 are kept.
    Grey is made as by OpenCV's readers: a JPEG's own, else 0.299 R + 0.587 G + 0.114 B rounded down.
    """
    picture = _open(source, name, grey=color is False)
    if picture.mode.startswith("I;16"):
        grey = (np.asarray(picture) >> 8).astype(np.uint8)[None]
        return np.repeat(grey, 3, axis=0) if color else grey
    if color is None:
        color = picture.mode not in ("1", "L", "LA")
    if picture.mode == "L" and not color:
        return np.asarray(picture)[None]
    pixels = np.asarray(picture.convert("RGB"))
    return pixels[..., ::-1].transpose(2, 0, 1) if color else (pixels @ _GREY >> 15).astype(np.uint8)[None]


def resize_planes(planes, height, width):
    """Resize (C, H, W) uint8 bit for bit as OpenCV's bilinear rule: half-pixel centres, no antialias, weights of 11 bits."""
    if planes.shape[1:] == (height, width):
        return planes
    low, high, near, far = _weights(planes.shape[2], width)
    rows = planes[..., low] * near + planes[..., high] * far
    low, high, near, far = _weights(planes.shape[1], height)
    rows >>= 4
    total = (near[:, None] * rows[:, low] >> 16) + (far[:, None] * rows[:, high] >> 16)
    return (total + 2 >> 2).astype(np.uint8)


def _weights(old, new):
    """Return for each of `new` pixels its two old neighbours, and their weights times 2048."""
    position = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    low = position.astype(np.intp)
    fraction = (position - low).astype(np.float32)
    near, far = (np.rint(weight * 2048).astype(np.int32) for weight in (1 - fraction, fraction))
    return low, np.minimum(low + 1, old - 1), near, far


def _open(source, name=None, grey=False, upright=False):
    from PIL import Image, ImageOps, UnidentifiedImageError

    try:
        picture = Image.open(source)
        if grey:
            picture.draft("L", None)  # a JPEG then gives its luma and nothing else
        picture.load()
        if upright:
            picture = ImageOps.exif_transpose(picture)
    except FileNotFoundError as e:
        raise DataError(f"{_full(source)}: no such picture") from e
    except (UnidentifiedImageError, Image.DecompressionBombError, OSError, SyntaxError, ValueError) as e:
        # PIL's PNG reader raises SyntaxError
        raise DataError(f"{name or _full(source)}: cannot be read as a picture: {e}") from e
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
