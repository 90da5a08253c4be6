"""What data layers share: Caffe's transform_param, which crops, mirrors and scales pictures and subtracts a mean."""

import math
from dataclasses import dataclass

import numpy as np

from pycaffe_geo.backend import CPU
from pycaffe_geo.caffemodel import read_blob_proto
from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.families.sources import beside, net_file


@dataclass(frozen=True)
class TransformParam:
    """Values become (value - mean) * scale. `crop_size`: a square at a random place in TRAIN, in the centre (rounded down) in
    TEST. `mirror` flips half of the pictures left to right, in both phases.

    `mean_file`: .binaryproto or .npy, (C, H, W) of the whole picture; the same part is cut out of it. `mean_value`: one for all
    channels, or one for each. `force_color`, `force_gray`: how encoded pictures of a Data layer are decoded.
    """

    scale: float = 1.0
    mirror: bool = False
    crop_size: int = 0
    mean_file: str = ""
    mean_value: tuple[float, ...] = ()
    force_color: bool = False
    force_gray: bool = False

    def __post_init__(self):
        if self.mean_file and self.mean_value:
            raise ValueError("both mean_file and mean_value are given, expected one of them")
        if self.force_color and self.force_gray:
            raise ValueError("both force_color and force_gray are true, expected one of them")
        if self.crop_size < 0:
            raise ValueError(f"crop_size is {self.crop_size}, expected at least 0 (0: no crop)")


class Transformer:
    """Applies the `transform_param` of a data layer; what it draws for batch p depends on (seed, layer name, p) alone."""

    def __init__(self, layer):
        self.layer = layer
        self.param = layer.transform_param
        self.mean = self._read_mean()

    @property
    def active(self):
        """True where the transform changes anything."""
        return self.param != TransformParam()

    def shape(self, shape, name="the picture"):
        """Return the shape (C, h, w) that pictures of `shape` (C, H, W) get; ShapeError, with `name`, where they do not fit."""
        channels, height, width = shape
        crop = self.param.crop_size
        if min(height, width) < crop:
            self._fail(f"{name} has {height} x {width} pixels, expected at least crop_size {crop}")
        if self.mean is not None and self.mean.shape[1:] not in ((1, 1), (height, width)):
            size = " x ".join(map(str, self.mean.shape[1:]))
            self._fail(f"{name} has {height} x {width} pixels, but the mean of '{self.param.mean_file}' has {size}")
        if self.mean is not None and len(self.mean) not in (1, channels):
            given = "mean_value gives" if self.param.mean_value else f"the mean of '{self.param.mean_file}' has"
            self._fail(f"{name} has {channels} channel(s), but {given} {len(self.mean)}")
        return (channels, crop or height, crop or width)

    def __call__(self, pictures, position, name=lambda i: f"picture {i}"):
        """Return batch number `position`, (N, C, h, w) in the layer's dtype, of pictures (C, H, W), numbers of any type.

        With crop_size their sizes may differ, otherwise not. `name(i)` tells a ShapeError which picture is meant.
        """
        shape = self.shape(pictures[0].shape, name(0))
        batch = np.empty((len(pictures), *shape), self.layer.dtype)
        draws = CPU.generator(self.layer.clock.seed, self.layer.name, "transform", position).random((len(pictures), 3))
        for i, (picture, target, (down, right, flip)) in enumerate(zip(pictures, batch, draws.tolist())):
            if self.shape(picture.shape, name(i)) != shape:
                self._fail(f"{name(i)} gives {self.shape(picture.shape)} (channels, height, width), "
                           f"expected {shape} as {name(0)}, the first of its batch")
            self._cut(picture, target, down, right)
            if self.param.mirror and flip < 0.5:
                target[...] = target[..., ::-1].copy()
        if self.param.scale != 1:
            batch *= self.layer.dtype.type(self.param.scale)
        return batch

    def _cut(self, picture, target, down, right):
        """Write the part of `picture` at the random place (down, right in 0..1), less the mean, to `target`."""
        height, width = target.shape[1:]
        free = picture.shape[1] - height, picture.shape[2] - width
        if self.layer.phase == "TRAIN":
            y, x = int(down * (free[0] + 1)), int(right * (free[1] + 1))
        else:
            y, x = free[0] // 2, free[1] // 2
        part = (slice(None), slice(y, y + height), slice(x, x + width))
        if self.mean is None:
            target[...] = picture[part]
        else:
            mean = self.mean if self.mean.shape[1:] == (1, 1) else self.mean[part]
            np.subtract(picture[part], mean, out=target, casting="unsafe")

    def _read_mean(self):
        """Return the mean (C, H, W) or (C, 1, 1), None where there is none."""
        p = self.param
        if p.mean_value:
            return np.array(p.mean_value, self.layer.dtype).reshape(-1, 1, 1)
        if not p.mean_file:
            return None
        path = beside(p.mean_file, net_file(self.layer))
        try:
            mean = _load_npy(path) if path.endswith(".npy") else read_blob_proto(path)
        except DataError as e:
            raise DataError(f"{self.layer.where}: mean_file {e}") from e
        if mean.ndim < 3 or math.prod(mean.shape[:-3]) != 1:
            raise DataError(f"{self.layer.where}: mean_file {path}: holds {mean.shape}, expected (channels, height, width)")
        return mean.reshape(mean.shape[-3:]).astype(self.layer.dtype)

    def _fail(self, text):
        raise ShapeError(f"{self.layer.where}: {text}")


def _load_npy(path):
    try:
        return np.load(path, allow_pickle=False)
    except FileNotFoundError as e:
        raise DataError(f"{path}: no such file") from e
    except (OSError, ValueError, EOFError) as e:
        raise DataError(f"{path}: cannot be read as a NumPy array: {e}") from e
