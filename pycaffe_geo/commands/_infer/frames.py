"""The user's frames: pictures, or a file of tools/prepare_data.py, as a net's inputs want them."""

from functools import lru_cache
from pathlib import Path

import numpy as np

from pycaffe_geo.datasets.depth_files import depth_maps
from pycaffe_geo.datasets.images import list_pictures, read_color, resize_color, resize_depth
from pycaffe_geo.datasets.pairs import PairFile
from pycaffe_geo.datasets.video import seen_at
from pycaffe_geo.errors import DataError, PycaffeGeoError
from pycaffe_geo.geometry.camera import scale_intrinsics


class Frames:
    """Frames of one camera and size, with one name each; `size` is (height, width) as stored.

    A subclass gives `find(t, role)`, (kind of array, where it stands) of what `role` is in frame t, or None where that is not
    known, and `load(kind, where)`, that array as stored: color and right (H, W, 3) RGB, depth (H, W), intrinsics (4,), baseline.
    """

    def __init__(self, names):
        self.names = names
        self._load = lru_cache(maxsize=4)(self.load)
        self._scaled = lru_cache(maxsize=8)(self._scale)

    def __len__(self):
        return len(self.names)

    def has(self, t, roles):
        """Are all `roles` known in frame t?"""
        return all(self.find(t, role) is not None for role in roles)

    def blob(self, t, role, height, width):
        """Return what `role` is in frame t at this size, as a batch of one: images BGR, intrinsics (1, 4, 1, 1)."""
        return self._scaled(*self.find(t, role), height, width)

    def picture(self, t):
        """Return the picture of frame t (H, W, 3) uint8 RGB, as it is stored."""
        return self._load(*self.find(t, "color 0"))

    def camera(self, t, height, width):
        """Return the intrinsics (1, 4) of frame t at this size."""
        return self.blob(t, "intrinsics", height, width).reshape(1, 4)

    def _scale(self, kind, where, height, width):
        array = self._load(kind, where)
        if kind == "depth":
            return resize_depth(array, height, width)[None, None]
        if kind == "intrinsics":
            scale = width / self.size[1], height / self.size[0]
            return scale_intrinsics(np.reshape(array, (1, 4)).astype(float), *scale).reshape(1, 4, 1, 1)
        if kind == "baseline":
            return np.reshape(array, (1, 1, 1, 1))
        return resize_color(array, height, width)[:, :, ::-1].transpose(2, 0, 1)[None]


class PictureFrames(Frames):
    """Pictures in their order of time, or one with another view `src` of what it shows: of the right camera where `stereo`, else
    that of every neighbour. DataError where sizes differ."""

    def __init__(self, pictures, src=None, stereo=False, depth=None, depth_scale=1000, intrinsics=None, fov=None, baseline=None):
        super().__init__([Path(picture).stem for picture in pictures])
        self.pictures, self.src, self.stereo, self.depth_scale = pictures, src, stereo, depth_scale
        self.size = read_color(pictures[0]).shape[:2]
        camera = tuple(seen_at(fov, *self.size)) if fov else intrinsics
        self.known = {"depth": depth, "intrinsics": camera, "baseline": baseline}

    def find(self, t, role):
        kind, _, offset = role.partition(" ")
        if self.src and (role == "right 0" if self.stereo else kind == "color" and offset != "0"):
            return kind, self.src
        if kind == "color":
            number = t + int(offset)
            return (kind, self.pictures[number]) if 0 <= number < len(self) else None
        value = self.known.get(role)
        return None if value is None else (kind, value)

    def load(self, kind, where):
        if kind in ("intrinsics", "baseline"):
            return where
        array = _read_depth(where, self.depth_scale) if kind == "depth" else read_color(where)
        if array.shape[:2] != self.size:
            what = "--depth" if kind == "depth" else where
            sizes = [f"{width} x {height}" for height, width in (array.shape[:2], self.size)]
            raise DataError(f"{what} is {sizes[0]} pixels, expected {sizes[1]}, the size of {self.pictures[0]}")
        return array


class FileFrames(Frames):
    """The frames of a file made by tools/prepare_data.py, with all that it tells but poses; their names are their numbers."""

    def __init__(self, path):
        self.file = PairFile(path)
        self.size, self.runs = (self.file.height, self.file.width), self.file.runs()
        super().__init__([f"{i:06d}" for i in range(self.file.frames)])

    def find(self, t, role):
        kind, _, offset = role.partition(" ")
        number = t + int(offset or 0)
        known = kind in self.file.names and 0 <= number < len(self) and self.runs[number] == self.runs[t]
        return (kind, number) if known else None

    def load(self, kind, where):
        self.file.check_frames([where])
        return self.file.gather(kind, np.array([where]))[0]


def frames_of(args, roles):
    """Return the Frames of --image, --src and --tgt, or --folder, and of the options beside them, for a net of these roles."""
    ways = [args.image is not None, args.src is not None or args.tgt is not None, args.folder is not None]
    if sum(ways) != 1 or (args.src is None) != (args.tgt is None):
        got = [f"--{name}" for name in ("image", "src", "tgt", "folder") if getattr(args, name) is not None]
        raise PycaffeGeoError(f"got {', '.join(got) or 'no picture'}, expected either --image FILE, or --src FILE and --tgt "
                              "FILE, or --folder DIR")
    if args.depth and not args.tgt:
        raise PycaffeGeoError("--depth is the depth of --tgt: give --src and --tgt too")
    if args.folder and not args.out:
        raise PycaffeGeoError("--folder needs --out FOLDER, where the results are written")
    if args.step > 1 and not args.folder:
        raise PycaffeGeoError("--step is for --folder")
    common = dict(intrinsics=args.intrinsics, fov=args.fov, baseline=args.baseline)
    if not args.folder:
        stereo = "right 0" in roles and not any(role.startswith("color ") and role != "color 0" for role in roles)
        return PictureFrames([args.image or args.tgt], args.src, stereo, args.depth, args.depth_scale, **common)
    if Path(args.folder).is_file():
        if args.step > 1 or any(value is not None for value in common.values()):
            raise PycaffeGeoError(f"{args.folder}: a file of frames tells camera and steps itself: leave out --step, "
                                  "--intrinsics, --fov and --baseline")
        return FileFrames(args.folder)
    frames = PictureFrames(list_pictures(args.folder)[::args.step], **common)
    if len(set(frames.names)) < len(frames):
        twice = next(name for name in frames.names if frames.names.count(name) > 1)
        raise DataError(f"{args.folder}: has two pictures '{twice}', expected one of each name")
    return frames


def _read_depth(path, scale):
    """Return the depth (H, W) in metres, 0 = none, of a file that depth_maps reads."""
    maps = depth_maps(path, scale)
    if len(maps) != 1:
        raise DataError(f"{path}: has {len(maps)} maps, expected one: (H, W), metres")
    return np.nan_to_num(maps[0][1](), nan=0, posinf=0, neginf=0)
