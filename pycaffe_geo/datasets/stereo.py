"""Rectified stereo pairs from two folders of pictures."""

from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.frames import Recording, picture_reader, read_intrinsics
from pycaffe_geo.datasets.images import check_partners, list_pictures
from pycaffe_geo.errors import DataError


def read_stereo(left, right, intrinsics, baseline, continuous=False):
    """Read two folders of rectified pictures, paired by their order of names, into a Recording; see `check_partners`.

    intrinsics: fx, fy, cx, cy of both cameras, in pixels of the stored pictures; baseline: metres; continuous: the pairs follow
    each other in time, otherwise each stands alone. Raises DataError with the resolved path and the reason.
    """
    left, right = Path(left).resolve(), Path(right).resolve()
    color, others = list_pictures(left), list_pictures(right)
    if len(color) != len(others):
        raise DataError(f"{left}: holds {len(color)} pictures, {right} {len(others)}; expected one of each per pair")
    check_partners(color, others)
    sequence = np.zeros(len(color), int) if continuous else np.arange(len(color))
    source = left.name if left.name == right.name else f"{left.name} and {right.name}"
    return Recording(source, tuple(path.stem for path in color), picture_reader(color, right=others),
                     read_intrinsics(intrinsics, "--intrinsics"), baseline=baseline, sequence=sequence)
