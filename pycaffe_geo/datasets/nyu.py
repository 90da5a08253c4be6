"""The labelled frames of NYU Depth v2 (Silberman et al. 2012)."""

from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.folder import read_table
from pycaffe_geo.datasets.frames import Recording, read_intrinsics
from pycaffe_geo.datasets.matlab_v5 import read_matlab
from pycaffe_geo.errors import DataError, listed, nearest

INTRINSICS = (518.857901, 519.469611, 325.582449, 253.736166)  # of the colour camera, at 640x480
_SPLITS = {"train": "trainNdxs", "test": "testNdxs"}


def official_split(path, split):
    """Return the numbers, from 1 on, of the frames of `split`, train or test: of splits.mat."""
    return read_matlab(path, _SPLITS[split]).ravel()


def read_nyu(path, numbers=None, raw=False, border=0, intrinsics=None):
    """Read nyu_depth_v2_labeled.mat, an HDF5 file whose axes are the reverse of MATLAB's, into a Recording of single frames.

    numbers: the frames, from 1 on as the toolbox counts; None: all. raw: depth as the sensor gave it, 0 = none, not the
    in-painted one. Depth is registered to colour. border: pixels to cut off at each side; about the outermost 16 are white.
    intrinsics: of the stored pictures (default: those published); the lens's distortion is not undone. Frames are named by
    their number. Raises DataError with the path and the reason.
    """
    path = Path(path).resolve()
    images, depths = _datasets(path, "rawDepths" if raw else "depths")
    count, _, width, height = images.shape
    if 2 * border >= min(width, height):
        raise DataError(f"{path}: a border of {border} pixels leaves nothing of pictures of {width}x{height}")
    numbers = np.arange(1, count + 1) if numbers is None else np.asarray(numbers)
    wrong = [n for n in numbers.tolist() if not 1 <= n <= count or n != int(n)]
    if wrong:
        raise DataError(f"{path}: there is no frame {wrong[0]}, expected numbers of 1 to {count}")
    numbers = numbers.astype(int)
    fx, fy, cx, cy = read_intrinsics(INTRINSICS if intrinsics is None else intrinsics, "--intrinsics")

    def read(i):
        row = numbers[i] - 1
        inside = slice(border, height - border), slice(border, width - border)
        try:
            color, depth = images[row].transpose(2, 1, 0)[inside], depths[row].T[inside]
        except OSError as e:
            raise DataError(f"{path}: frame {numbers[i]} cannot be read (file cut short?): {e}") from e
        if not (np.isfinite(depth).all() and depth.min() >= 0):
            raise DataError(f"{path}: the depth of frame {numbers[i]} has a negative or non-finite number")
        return {"color": color, "depth": depth.astype(np.float32)}

    return Recording("NYU Depth v2", tuple(f"{n:04}" for n in numbers), read, np.array([fx, fy, cx - border, cy - border]),
                     sequence=np.arange(len(numbers)))


def _datasets(path, depth_name):
    """Return the datasets of colour (N, 3, W, H) and depth (N, W, H); their rows are read as they are indexed."""
    import h5py

    if not path.is_file():
        raise DataError(f"{path}: no such file")
    try:
        file = h5py.File(path, "r")  # stays open as long as its datasets are used
    except OSError as e:
        raise DataError(f"{path}: cannot be read as HDF5, expected nyu_depth_v2_labeled.mat (MATLAB 7.3): {e}") from e
    for name in ("images", depth_name):
        if not isinstance(file.get(name), h5py.Dataset):
            raise DataError(f"{path}: has no array '{name}'{nearest(name, file)} (it has {listed(file)})")
    images, depths = file["images"], file[depth_name]
    if images.ndim != 4 or images.shape[1] != 3 or images.dtype != np.uint8:
        raise DataError(f"{path}: 'images' is {images.dtype} {images.shape}, expected uint8 (N, 3, width, height)")
    if depths.shape != (images.shape[0], *images.shape[2:]) or depths.dtype.kind != "f":
        raise DataError(f"{path}: '{depth_name}' is {depths.dtype} {depths.shape}, expected float32 "
                        f"{(images.shape[0], *images.shape[2:])} as 'images' has")
    return images, depths


def read_numbers(path):
    """Return the numbers of frames, from 1 on, in a text file."""
    return read_table(Path(path)).ravel()
