"""Are these the left and the right picture of rectified pairs? Both signs of disparity are tried by matching blocks.

In a rectified pair the right camera sees every point further left: left(x) = right(x - d) with d > 0. Folders with the wrong
names are usual, and a network trained on them learns nothing, so the other sign is tried too.
"""

import logging
from dataclasses import dataclass

import numpy as np

from pycaffe_geo.errors import DataError

log = logging.getLogger(__name__)

_MOST_PAIRS = 8
_WIDTH = 160            # pixels; wider pictures are shrunk for matching
_BLOCK = 5
_CLEARLY_BETTER = 0.85  # a sign is right when it leaves less than this share of the other one's error


@dataclass(frozen=True)
class StereoReport:
    """What matching says: mean absolute difference (0..255) of blocks as they lie, matched as stated, and with left and right
    swapped; the median disparity as stated, in pixels of the pictures; proved: one sign is clearly better."""

    pairs: int
    unmatched: float
    matched: float
    swapped: float
    disparity: float
    proved: bool

    def __str__(self):
        doubt = "" if self.proved else "; which picture is the left one is not proved"
        matched = f"{self.matched:.2f} matched as stated ({self.swapped:.2f} with left and right swapped)"
        return (f"{self.pairs} stereo pairs, median disparity {self.disparity:.1f} px: mean block difference "
                f"{self.unmatched:.2f} -> {matched}{doubt}")


def verify_stereo(color, right, source=""):
    """Check that right (F, H, W, 3) is the right camera's picture of color (F, H, W, 3), and return a StereoReport.

    Raises DataError, with `source` and the likely cause, where left and right are swapped, and for pictures less than 3 pixels
    wide; a doubt is logged.
    """
    if color.shape[2] < 3:
        raise DataError(f"{source}: the pictures are {color.shape[2]}x{color.shape[1]}, expected at least 3 columns to match")
    chosen = np.unique(np.linspace(0, len(color) - 1, _MOST_PAIRS).astype(int))
    step = -(-color.shape[2] // _WIDTH)
    found = np.array([_match(_grey(color[i], step), _grey(right[i], step)) for i in chosen])
    unmatched, matched, swapped = found[:, :3].mean(axis=0)
    proved = bool(min(matched, swapped) < _CLEARLY_BETTER * max(matched, swapped))
    report = StereoReport(len(chosen), unmatched, matched, swapped, step * np.median(found[:, 3]), proved)
    if proved and swapped < matched:
        raise DataError(f"{source}: {report}; expected left(x) = right(x - d) with d > 0: left and right are swapped "
                        "(wrongly named folders: --swap), or the pictures are mirrored")
    if not proved:
        log.warning("%s: %s: are these rectified pairs, in the same order, of scenes that are near enough?", source, report)
    return report


def _grey(picture, step):
    """Return the mean of the channels, shrunk `step` times, float64."""
    height, width = (size // step for size in picture.shape[:2])
    cut = picture[:height * step, :width * step].mean(axis=2)
    return cut.reshape(height, step, width, step).mean(axis=(1, 3))


def _match(left, right):
    """Return the mean differences of blocks unmatched, matched at d >= 0 and at d <= 0, and the median disparity d >= 0, over
    the columns that all disparities reach."""
    width = left.shape[1]
    most = max(1, width // 4)
    middle = left[:, most:width - most]
    costs = {d: _blocks(abs(middle - right[:, most - d:width - most - d])) for d in range(-most, most + 1)}
    stated, other = (np.stack([costs[sign * d] for d in range(most + 1)]) for sign in (1, -1))
    return costs[0].mean(), stated.min(axis=0).mean(), other.min(axis=0).mean(), np.median(stated.argmin(axis=0))


def _blocks(difference):
    """Return the means over all blocks of _BLOCK x _BLOCK pixels inside `difference`, along the sides that are long enough."""
    for axis in (0, 1):
        size = min(_BLOCK, difference.shape[axis])
        total = np.insert(difference.cumsum(axis=axis), 0, 0, axis=axis)
        ends, starts = (np.take(total, np.arange(a, a + difference.shape[axis] - size + 1), axis=axis) for a in (size, 0))
        difference = (ends - starts) / size
    return difference
