"""Pair files: frames of one camera, what is known of them, and which of them make a pair, in one HDF5 file.

    color       (F, H, W, 3) uint8    RGB
    intrinsics  (F, 4)       float64  fx, fy, cx, cy in pixels, pixel centres at integers
    crc32       (F,)         uint32   checksum of the bytes of all the frame has: color, depth, pose_c2w, intrinsics, right,
                                      baseline, sequence, in this order, those that are in the file

and, each of them optional:

    depth       (F, H, W)    float32  metres along the optical axis, 0 = none
    pose_c2w    (F, 4, 4)    float64  camera to world, metres; x right, y down, z forward
    right       (F, H, W, 3) uint8    RGB of the right camera of a rectified pair; its intrinsics are the left camera's
    baseline    (F,)         float64  metres from the left camera to the right one, along x
    sequence    (F,)         int32    neighbours with one number follow each other in time, in even steps
    pairs       (P, 2)       int32    src, tgt: numbers of frames; read by RGBDPairData, with depth and pose_c2w
    attributes: format "pycaffe_geo pairs", version 1, source (text: where the frames come from)

A frame is stored once, however many pairs it is in. Numbers are little-endian.
"""

import zlib
from pathlib import Path

import numpy as np

from pycaffe_geo.atomic import atomic_file
from pycaffe_geo.errors import DataError, listed, nearest
from pycaffe_geo.geometry import se3

FORMAT = "pycaffe_geo pairs"
VERSION = 1
_MEMORY_LIMIT = 2 ** 30  # bytes of frames that are kept in memory; larger files are read frame by frame
_LAYOUT = {"color": ("F", "H", "W", 3), "depth": ("F", "H", "W"), "pose_c2w": ("F", 4, 4), "intrinsics": ("F", 4),
           "right": ("F", "H", "W", 3), "baseline": ("F",), "sequence": ("F",), "pairs": ("P", 2), "crc32": ("F",)}
_TYPES = {"color": "<u1", "depth": "<f4", "pose_c2w": "<f8", "intrinsics": "<f8", "right": "<u1", "baseline": "<f8",
          "sequence": "<i4", "pairs": "<i4", "crc32": "<u4"}
_REQUIRED = ("color", "intrinsics", "crc32")
_FRAME = ("color", "depth", "pose_c2w", "intrinsics", "right", "baseline", "sequence")
_PICTURES = ("color", "depth", "right")


def write_pairs(path, color, intrinsics, source="", **optional):
    """Write a pair file (arrays as in the module's text); the file appears complete or not at all.

    optional: depth, pose_c2w, right, baseline, sequence, pairs; None is as good as not given. Raises DataError for arrays
    whose shapes do not agree and for a place that cannot be written to.
    """
    import h5py

    given = {"color": color, "intrinsics": intrinsics, **optional}
    data = {name: np.ascontiguousarray(array, _TYPES[name]) for name, array in given.items() if array is not None}
    data["crc32"] = np.array([_checksum(frame) for frame in zip(*(data[name] for name in _FRAME if name in data))], "<u4")
    _check_shapes(path, {name: array.shape for name, array in data.items()})
    try:
        with atomic_file(path) as part, h5py.File(part, "w") as f:
            f.attrs.update({"format": FORMAT, "version": VERSION, "source": source})
            for name, array in data.items():
                f.create_dataset(name, data=array)
    except OSError as e:
        raise DataError(f"{Path(path).absolute()}: cannot be written: {e}") from e


def _checksum(arrays):
    total = 0
    for array in arrays:
        total = zlib.crc32(np.ascontiguousarray(array), total)
    return total


def _check_shapes(path, shapes):
    """Raise DataError where a dataset's shape does not follow _LAYOUT, with one F, H, W for all."""
    known = {}
    for name in filter(shapes.__contains__, _LAYOUT):
        layout, shape = _LAYOUT[name], shapes[name]
        good = len(shape) == len(layout) and all(known.setdefault(letter, size) == size if isinstance(letter, str)
                                                 else letter == size for letter, size in zip(layout, shape))
        if not good:
            expected = ", ".join(str(known.get(letter, letter)) for letter in layout)
            raise DataError(f"{path}: dataset '{name}' is {shape}, expected ({expected})")


class PairFile:
    """A pair file open for reading: pairs by `len(file)`, `sample(i)`, `batch(indices)`; frames by `images`, `gather`.

    Raises DataError for a file that is missing, truncated, no HDF5 or laid out differently (when opened), and for a
    corrupt record, which it names (when that record is read; `problem(i)` asks, `check()` asks for all). Files of up to
    1 GiB are held in memory. names: the datasets of the file, without crc32; source: the file's own text about its origin;
    height, width: the frames' size in pixels; pairs: (P, 2), none where the file has none.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._file = _open(self.path)
        self._data = _datasets(self.path, self._file)
        self.names = tuple(name for name in self._data if name != "crc32")
        self.source = str(self._file.attrs.get("source", ""))
        self.frames, self.height, self.width = self._data["color"].shape[:3]
        pictures = [self._data[name] for name in _PICTURES if name in self._data]
        fits = sum(dataset.size * dataset.dtype.itemsize for dataset in pictures) <= _MEMORY_LIMIT
        for name in self._data:
            if fits or name not in _PICTURES:
                self._data[name] = _read(self.path, name, self._data[name])
        if fits:
            self.close()
        self.pairs = self._data.get("pairs", np.zeros((0, 2), np.int32))
        self._checked = np.zeros(self.frames, bool)

    def __len__(self):
        return len(self.pairs)

    def close(self):
        """Close the file; a file held in memory stays readable."""
        self._file.close()

    def require(self, *names):
        """Raise DataError, naming the first that lacks, unless the file has the datasets `names`."""
        for name in names:
            if name not in self.names:
                raise DataError(f"{self.path}: holds no '{name}', only {listed(self.names)}; expected {listed(names)}")

    def arrays(self):
        """Return the arguments of `write_pairs` for this file; large arrays are read as they are indexed."""
        return {name: self._data[name] for name in self.names} | {"source": str(self.path)}

    def frame(self, number):
        """Return a frame as stored: a dict of those of color (H, W, 3) RGB, depth (H, W), pose_c2w (4, 4), intrinsics (4,),
        right (H, W, 3) RGB, baseline, sequence that the file has."""
        return {name: _read(self.path, name, self._data[name], number) for name in _FRAME if name in self._data}

    def runs(self):
        """Return the number (F,) of the run of frames, continuous in time, that each frame is in; each its own without
        a dataset `sequence`."""
        sequence = self._data.get("sequence", np.arange(self.frames))
        return np.cumsum(np.diff(sequence, prepend=sequence[:1]) != 0)

    def problem(self, index):
        """Return what is wrong with pair `index`, or None."""
        for frame in self.pairs[index]:
            if not 0 <= frame < self.frames:
                return f"names frame {frame}, the file has frames 0 to {self.frames - 1}"
            reason = self.frame_problem(frame)
            if reason:
                return f"frame {frame} {reason}"
        return None

    def frame_problem(self, number):
        """Return what is wrong with frame `number`, or None; a frame is looked at once."""
        if self._checked[number]:
            return None
        frame = self.frame(number)
        if _checksum(frame.values()) != self._data["crc32"][number]:
            return "is corrupt: its checksum does not match its bytes"
        for name in ("depth", "pose_c2w", "intrinsics", "baseline"):
            if not np.isfinite(frame.get(name, 0)).all():
                return f"has a non-finite number in '{name}'"
        turn = frame.get("pose_c2w", np.eye(4))[:3, :3]
        if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3:
            return "has a 'pose_c2w' that is no rigid motion"
        self._checked[number] = True
        return None

    def check(self, indices=None):
        """Raise DataError, naming the record, for the first corrupt one of the pairs `indices` (all, and all frames)."""
        for i in range(len(self)) if indices is None else indices:
            reason = self.problem(i)
            if reason:
                raise DataError(f"{self.path}: pair {i}: {reason}")
        if indices is None:
            self.check_frames(range(self.frames))

    def check_frames(self, numbers):
        """Raise DataError for the first corrupt one of the frames `numbers`."""
        for number in numbers:
            reason = self.frame_problem(number)
            if reason:
                raise DataError(f"{self.path}: frame {number} {reason}")

    def sample(self, index):
        """Return pair `index` as a dict of src, tgt (3, H, W) BGR float32 0..255; depth (1, H, W) float32, metres, of tgt;
        intrinsics (4, 1, 1) float64, of tgt; pose (1, 4, 4) float64, T_src_tgt = inv(P_src) P_tgt."""
        return {name: array[0] for name, array in self.batch([index]).items()}

    def batch(self, indices):
        """Return the samples `indices` (N,) stacked along a new first axis; DataError names the first corrupt one."""
        indices = np.asarray(indices)
        self.require("pairs", "depth", "pose_c2w")
        if len(indices) and not (0 <= indices.min() and indices.max() < len(self)):
            raise DataError(f"{self.path}: pairs {indices.min()} to {indices.max()} were asked for; it has {len(self)}")
        self.check(indices)
        src, tgt = self.pairs[indices].T
        pose = self._data["pose_c2w"]
        return {"src": self.images("color", src), "tgt": self.images("color", tgt), "depth": self.gather("depth", tgt)[:, None],
                "intrinsics": self._data["intrinsics"][tgt].reshape(-1, 4, 1, 1),
                "pose": se3.relative(pose[src], pose[tgt])[:, None]}

    def images(self, name, frames):
        """Return `name` (color or right) of the frames (N,) as (N, 3, H, W) BGR float32 0..255."""
        rgb = self.gather(name, frames)
        return np.ascontiguousarray(rgb[..., ::-1].transpose(0, 3, 1, 2), np.float32)

    def gather(self, name, frames):
        """Return the rows `frames` (N,) of a dataset, in any order and repeated; they are not checked."""
        once, where = np.unique(frames, return_inverse=True)  # HDF5 reads only rising numbers, each once
        return _read(self.path, name, self._data[name], once)[where]


def _open(path):
    import h5py

    if not path.is_file():
        raise DataError(f"{path.absolute()}: no such pair file")
    try:
        return h5py.File(path, "r")
    except OSError as e:
        raise DataError(f"{path}: not a pair file, or cut short (expected HDF5 as written by prepare_data): {e}") from e


def _datasets(path, file):
    import h5py

    missing = [name for name in _REQUIRED if name not in file]
    if missing:
        there = list(file)
        raise DataError(f"{path}: no dataset '{missing[0]}' in this file; a pair file has {listed(_REQUIRED)}, "
                        f"this one {listed(there)}{nearest(missing[0], there)}")
    data = {name: file[name] for name in _LAYOUT if name in file}
    for name, dataset in data.items():
        if not isinstance(dataset, h5py.Dataset):
            raise DataError(f"{path}: '{name}' is a group, expected a dataset; is this a pair file?")
    _check_shapes(path, {name: dataset.shape for name, dataset in data.items()})
    for name, dataset in data.items():
        if dataset.dtype != np.dtype(_TYPES[name]):
            raise DataError(f"{path}: dataset '{name}' holds {dataset.dtype}, expected {np.dtype(_TYPES[name])}")
    return data


def _read(path, name, dataset, rows=...):
    try:
        return dataset[rows]
    except OSError as e:
        raise DataError(f"{path}: dataset '{name}' cannot be read (file cut short?): {e}") from e
