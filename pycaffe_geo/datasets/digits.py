"""Pictures of single digits with their labels: MNIST's own files (LeCun et al. 1998), or NumPy's .npz."""

import gzip
import zlib
from pathlib import Path

import numpy as np

from pycaffe_geo.atomic import atomic_file
from pycaffe_geo.datasets.depth_files import DAMAGE
from pycaffe_geo.errors import DataError, listed, nearest

_IMAGES, _LABELS = 0x803, 0x801  # unsigned bytes along 3 axes, along 1
_LARGEST = 2**30  # bytes that a file may hold when it is unpacked


def read_digits(images, labels=None):
    """Return images (N, 1, H, W) uint8 and labels (N,) uint8.

    images: a .npz file with the arrays images (N, H, W) or (N, 1, H, W) and labels (N,), or a file like
    train-images-idx3-ubyte, packed (.gz) or not; labels: then the other file, None: train-labels-idx1-ubyte beside it. Raises
    DataError with the path, what was found and what was expected.
    """
    images = Path(images)
    if images.suffix == ".npz":
        pictures, numbers, place = *_npz(images), images
    else:
        place = Path(labels) if labels else images.with_name(images.name.replace("images", "labels").replace("idx3", "idx1"))
        if place == images:
            raise DataError(f"{images}: a file of labels is needed too, its name cannot be told from this one")
        pictures, numbers = _idx(images, _IMAGES), _idx(place, _LABELS)
    if len(pictures) != len(numbers) or not len(pictures):
        raise DataError(f"{images}: holds {len(pictures)} pictures, {place} {len(numbers)} labels; expected some, one for each")
    return pictures, numbers


def _npz(path):
    try:
        with np.load(path, allow_pickle=False) as file:
            for name in ("images", "labels"):
                if name not in file.files:
                    raise DataError(f"{path}: has no array '{name}'{nearest(name, file.files)} (it has {listed(file.files)})")
            images, labels = file["images"], file["labels"]
    except DAMAGE as e:
        raise DataError(f"{path}: cannot be read as .npz: {e}") from e
    if images.dtype != np.uint8 or not (images.ndim == 3 or images.ndim == 4 and images.shape[1] == 1):
        raise DataError(f"{path}: 'images' is {images.dtype} {images.shape}, expected uint8 (N, H, W)")
    if labels.dtype.kind not in "iu" or labels.ndim != 1 or labels.size and not 0 <= labels.min() <= labels.max() <= 255:
        raise DataError(f"{path}: 'labels' is {labels.dtype} {labels.shape}, expected (N,) whole numbers of 0 to 255")
    return images.reshape(len(images), 1, *images.shape[-2:]), labels.astype(np.uint8)


def _idx(path, magic):
    """Return the unsigned bytes of an idx file: images (N, 1, H, W) or labels (N,)."""
    data = _bytes(path)
    axes = magic & 0xff
    header = np.frombuffer(data[:4 + 4 * axes], ">u4") if len(data) >= 4 + 4 * axes else [0]
    if header[0] != magic:
        kind = "pictures" if magic == _IMAGES else "labels"
        raise DataError(f"{path}: begins with {data[:4].hex() or 'nothing'}, expected {magic:08x}: an idx file of {kind}")
    shape = [int(size) for size in header[1:]]
    size = len(data) - 4 - 4 * axes
    if np.prod(shape, dtype=object) != size:
        raise DataError(f"{path}: says that it holds {'x'.join(map(str, shape))} bytes, it holds {size}; was it cut short?")
    values = np.frombuffer(data, np.uint8, offset=4 + 4 * axes)
    return values.reshape(shape[0], 1, *shape[1:]) if axes == 3 else values


def _bytes(path):
    try:
        with (gzip.open if path.suffix == ".gz" else open)(path, "rb") as file:
            data = file.read(_LARGEST + 1)
    except (OSError, EOFError, zlib.error) as e:
        raise DataError(f"{path.absolute()}: cannot be read: {e}") from e
    if len(data) > _LARGEST:
        raise DataError(f"{path}: holds more than {_LARGEST} bytes, expected a set of digits")
    return data


def first_of_each(labels, count):
    """Return the rows, rising, of the first `count` of each label in `labels` (N,); DataError where one has fewer."""
    chosen = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        if len(rows) < count:
            raise DataError(f"there are {len(rows)} digits with the label {label}, expected at least {count}")
        chosen.append(rows[:count])
    return np.sort(np.concatenate(chosen))


def write_digits(path, images, labels):
    """Write `path`.h5 with the datasets data and label, and the list `path`.txt that HDF5Data reads; return both paths."""
    import h5py

    data, source = (Path(f"{path}{ending}") for ending in (".h5", ".txt"))
    try:
        with atomic_file(data) as part, h5py.File(part, "w") as file:
            file["data"], file["label"] = images, labels
        source.write_text(f"{data.name}\n", encoding="utf-8")
    except OSError as e:
        raise DataError(f"{data.absolute()}: cannot be written: {e}") from e
    return data, source
