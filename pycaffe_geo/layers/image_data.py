"""ImageData layer."""

import logging
import os
from dataclasses import dataclass
from typing import Literal

import numpy as np

from pycaffe_geo.datasets.images import read_planes, resize_planes
from pycaffe_geo.errors import DataError
from pycaffe_geo.families.pictures import PictureData
from pycaffe_geo.families.sources import beside, net_file, read_lines
from pycaffe_geo.families.transformer import TransformParam
from pycaffe_geo.layer import register

log = logging.getLogger(__name__)

_LIST = "a text file with `path label` on each line"


@dataclass(frozen=True)
class ImageDataParam:
    """`source`: a text file with `path label` on each line; paths may hold blanks, and without a label it is 0. `root_folder`
    stands before each path. `rand_skip`: begin at a line below this number, drawn once. `is_color: false` reads grey.

    `on_error: skip` takes the next readable line in place of one that cannot be read, and says how many there are so far; every
    other sample keeps its place in its batch. `stop` names the line.
    """

    source: str = ""
    batch_size: int = 1
    rand_skip: int = 0
    shuffle: bool = False
    new_height: int = 0
    new_width: int = 0
    is_color: bool = True
    root_folder: str = ""
    on_error: Literal["stop", "skip"] = "stop"

    def __post_init__(self):
        if self.batch_size < 1:
            raise ValueError(f"batch_size is {self.batch_size}, expected at least 1")
        if self.rand_skip < 0:
            raise ValueError(f"rand_skip is {self.rand_skip}, expected at least 0")
        sizes = self.new_height, self.new_width
        if min(sizes) < 0 or (max(sizes) > 0 and min(sizes) == 0):
            raise ValueError(f"new_height is {sizes[0]} and new_width {sizes[1]}, expected both to be given, or none")


@register
class ImageData(PictureData):
    """Picture files from a list (Caffe's ImageData): pictures (N, C, h, w) BGR 0..255 or grey, and labels (N,).

    Pictures are resized to new_height x new_width by OpenCV's rule (half-pixel bilinear without antialias, rounded), then changed
    by `transform_param`. With `shuffle` every epoch has an order of its own. What batch p holds depends on (seed, layer name,
    p) and the files alone. Relative names hold from the current directory, else beside the file that has them (the network
    file, the list). `skipped` holds the record numbers that could not be read. Files that cannot be used raise DataError.
    """

    parameters = {"image_data_param": ImageDataParam, "transform_param": TransformParam}

    def setup(self, bottom, top):
        p = self.image_data_param
        self.skipped = set()
        self.check_memory("a picture", 3 if p.is_color else 1, p.new_height, p.new_width)
        try:
            self.list, lines = read_lines(p.source, net_file(self), _LIST)
            entries = [_entry(self.list, number, text) for number, text in lines]
        except DataError as e:
            raise DataError(f"{self.where}: {e}") from e
        self.names = [name for name, _ in entries]
        self.labels = np.array([label for _, label in entries])
        self.line_numbers = np.array([number for number, _ in lines])
        self.begin(top, len(entries), p.batch_size, p.shuffle, p.rand_skip)

    def record(self, number):
        for i in range(len(self.names)):
            candidate = (number + i) % len(self.names)
            if candidate not in self.skipped:
                try:
                    return self._picture(candidate), self.labels[candidate]
                except DataError as e:
                    self._skip(candidate, DataError(f"{self.where}: {self.list}:{self.line_numbers[candidate]}: {e}"))
        raise DataError(f"{self.where}: {self.list}: no picture of it can be read")

    def describe(self, number):
        return f"{self.list}:{self.line_numbers[number]}: {self._path(number)}"

    def _picture(self, number):
        p = self.image_data_param
        planes = read_planes(self._path(number), p.is_color)
        return resize_planes(planes, p.new_height, p.new_width) if p.new_height else planes

    def _path(self, number):
        """Return the path of a picture: as Caffe, root_folder and name are joined as they are, else with a "/" between."""
        root, name = self.image_data_param.root_folder, self.names[number]
        joined = beside(root + name, self.list)
        return joined if not root or os.path.exists(joined) else beside(os.path.join(root, name), self.list)

    def _skip(self, number, error):
        if self.image_data_param.on_error == "stop":
            raise error
        self.skipped.add(number)
        log.warning("%s; %d of %d lines skipped so far", error, len(self.skipped), len(self.names))


def _entry(path, number, text):
    """Return (name, label) of a line. The label is what follows the last blank."""
    name, *label = text.rsplit(None, 1)
    try:
        return name, float(label[0]) if label else 0.0
    except ValueError as e:
        raise DataError(f"{path}:{number}: got the label '{label[0]}', expected a number: {_LIST}") from e
