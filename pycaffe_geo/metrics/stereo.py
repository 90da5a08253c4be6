"""How much of the right picture's difference from the left one a disparity map explains, beside what needs no network.

Pictures are (F, C, H, W) of rectified pairs, left(x) = right(x - d). All errors are means over the columns x >= the largest
candidate disparity, which every candidate reaches, so that they compare the same pixels.
"""

import numpy as np

from pycaffe_geo.errors import DataError
from pycaffe_geo.geometry.grid import pixel_axes
from pycaffe_geo.geometry.sampling import warp


def warp_right(right, disparity):
    """Return the right pictures (F, C, H, W) as the left camera would see them, by disparities (F, H, W) of the left pictures."""
    x, y = pixel_axes(*disparity.shape[1:], disparity)
    coords = np.stack(np.broadcast_arrays(x - disparity, y[:, None]), axis=1)
    return warp(right, coords)[0]


def photometric_error(left, right, disparity):
    """Return the absolute differences (F, H, W), means over channels, of the left pictures from the warped right ones."""
    return np.abs(warp_right(right, disparity) - left).mean(axis=1)


def candidate_errors(left, right, candidates):
    """Return `photometric_error` (D, F, H, W) for each of the disparities `candidates` (D,), the same for every pixel."""
    shape = (len(left), *left.shape[2:])
    return np.stack([photometric_error(left, right, np.full(shape, d, np.float32)) for d in candidates])


def row_disparities(errors, candidates):
    """Return for each row the candidate (H,) that is best for all pictures: the best guess that looks at no picture."""
    first = int(np.ceil(max(candidates)))
    return np.asarray(candidates)[errors[..., first:].mean(axis=(1, 3)).argmin(axis=0)]


def block_matching(errors, candidates, block=3):
    """Return for each pixel the candidate (F, H, W) with the least mean error over the block x block pixels around it (an odd
    number; the border's errors are repeated outside)."""
    return np.asarray(candidates)[np.stack([_box_sum(error, block) for error in errors]).argmin(axis=0)]


def _box_sum(maps, block):
    height, width = maps.shape[1:]
    padded = np.pad(maps, [(0, 0), (block // 2,) * 2, (block // 2,) * 2], mode="edge")
    return sum(padded[:, i:i + height, j:j + width] for i in range(block) for j in range(block))


def way(identity, matched, error):
    """Return how much of the way from the error of no disparity to that of block matching an error has gone, 1 being all;
    DataError where block matching is no better, as for one picture twice."""
    if not matched < identity:
        raise DataError(f"block matching leaves the error {matched:g}, no disparity {identity:g}; expected less: are left and "
                        "right two cameras' pictures, the left one first?")
    return (identity - error) / (identity - matched)
