"""Depth maps as pictures of their own size: coloured by inverse depth for the eye, or 16 bits per pixel for programs."""

import numpy as np

LARGEST = 65535  # of 16 bits


def colored(depth):
    """Return depth (H, W) in metres, 0 = none, as an RGB picture (H, W, 3) uint8: near is bright, no depth black.

    The colours are those of inverse depth (magma), as is usual: from 0 to its 95th percentile over the pixels that have depth.
    """
    import matplotlib

    known = depth > 0
    inverse = np.divide(1, depth, out=np.zeros(depth.shape), where=known)
    top = np.percentile(inverse[known], 95) if known.any() else 1
    picture = matplotlib.colormaps["magma"](inverse / top, bytes=True)[..., :3].copy()
    picture[~known] = 0
    return picture


def write_color(path, picture):
    """Write an RGB picture (H, W, 3) uint8 to the PNG `path`."""
    from PIL import Image

    Image.fromarray(picture).save(path, format="PNG")


def write_depth(path, depth, scale=1000):
    """Write depth (H, W) to a 16-bit PNG, values depth * scale; return the share of pixels that are too far for 16 bits.

    Those become 65535. datasets/images.py reads it; 0 = none.
    """
    from PIL import Image

    values = np.rint(depth.astype(float) * scale)
    Image.fromarray(np.minimum(values, LARGEST).astype(np.uint16)).save(path, format="PNG")
    return float((values > LARGEST).mean())
