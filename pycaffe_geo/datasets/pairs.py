"""Pair files: RGB-D frames with poses, and which frames make a pair, in one HDF5 file.

    color       (F, H, W, 3) uint8    RGB
    depth       (F, H, W)    float32  metres along the optical axis, 0 = none
    pose_c2w    (F, 4, 4)    float64  camera to world, metres; x right, y down, z forward
    intrinsics  (F, 4)       float64  fx, fy, cx, cy in pixels, pixel centres at integers
    pairs       (P, 2)       int32    src, tgt: numbers of frames
    crc32       (F,)         uint32   checksum of the frame's color, depth, pose_c2w and intrinsics bytes
    attributes: format "pycaffe_geo pairs", version 1, source (text: where the frames come from)

A frame is stored once, however many pairs it is in. Numbers are little-endian.
"""

import os
import zlib
from pathlib import Path

import numpy as np

from pycaffe_geo.errors import DataError, listed, nearest
from pycaffe_geo.geometry import se3

FORMAT = "pycaffe_geo pairs"
VERSION = 1
_MEMORY_LIMIT = 2 ** 30  # bytes of frames that are kept in memory; larger files are read frame by frame
_LAYOUT = {"color": ("F", "H", "W", 3), "depth": ("F", "H", "W"), "pose_c2w": ("F", 4, 4), "intrinsics": ("F", 4),
           "pairs": ("P", 2), "crc32": ("F",)}
_TYPES = {"color": "<u1", "depth": "<f4", "pose_c2w": "<f8", "intrinsics": "<f8", "pairs": "<i4", "crc32": "<u4"}
_FRAME = ("color", "depth", "pose_c2w", "intrinsics")


def write_pairs(path, color, depth, pose_c2w, intrinsics, pairs, source=""):
    """Write a pair file (arrays as in the module's text); the file appears complete or not at all.

    Raises DataError for arrays whose shapes do not agree and for a place that cannot be written to.
    """
    import h5py

    data = {"color": color, "depth": depth, "pose_c2w": pose_c2w, "intrinsics": intrinsics, "pairs": pairs}
    data = {name: np.ascontiguousarray(array, _TYPES[name]) for name, array in data.items()}
    data["crc32"] = np.array([_checksum(*frame) for frame in zip(*(data[name] for name in _FRAME))], "<u4")
    _check_shapes(path, {name: array.shape for name, array in data.items()})
    path = Path(path)
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(part, "w") as f:
            f.attrs.update({"format": FORMAT, "version": VERSION, "source": source})
            for name, array in data.items():
                f.create_dataset(name, data=array)
        os.replace(part, path)
    except OSError as e:
        raise DataError(f"{path.absolute()}: cannot be written: {e}") from e
    finally:
        if part.exists():
            part.unlink()


def _checksum(color, depth, pose, intrinsics):
    total = 0
    for array in (color, depth, pose, intrinsics):
        total = zlib.crc32(np.ascontiguousarray(array), total)
    return total


def _check_shapes(path, shapes):
    """Raise DataError where a dataset's shape does not follow _LAYOUT, with one F, H, W for all."""
    known = {}
    for name, layout in _LAYOUT.items():
        shape = shapes[name]
        good = len(shape) == len(layout) and all(known.setdefault(letter, size) == size if isinstance(letter, str)
                                                 else letter == size for letter, size in zip(layout, shape))
        if not good:
            expected = ", ".join(str(known.get(letter, letter)) for letter in layout)
            raise DataError(f"{path}: dataset '{name}' is {shape}, expected ({expected})")


class PairFile:
    """A pair file open for reading: `len(file)` samples; `sample(i)`, `batch(indices)`.

    Raises DataError for a file that is missing, truncated, no HDF5 or laid out differently (when opened), and for a
    corrupt record, which it names (when that record is read; `problem(i)` asks, `check()` asks for all). Files of up to
    1 GiB are held in memory. source: the file's own text about its origin; height, width: the frames' size in pixels.
    """

    def __init__(self, path):
        self.path = Path(path)
        self._file = _open(self.path)
        self._data = _datasets(self.path, self._file)
        self.source = str(self._file.attrs.get("source", ""))
        self.frames, self.height, self.width = self._data["depth"].shape
        frame_bytes = self.height * self.width * 7
        in_memory = {"pose_c2w", "intrinsics", "pairs", "crc32"}
        if self.frames * frame_bytes <= _MEMORY_LIMIT:
            in_memory |= {"color", "depth"}
        for name in in_memory:
            self._data[name] = _read(self.path, name, self._data[name])
        if in_memory == set(self._data):
            self.close()
        self.pairs = self._data["pairs"]
        self._checked = np.zeros(self.frames, bool)

    def __len__(self):
        return len(self.pairs)

    def close(self):
        """Close the file; a file held in memory stays readable."""
        self._file.close()

    def arrays(self):
        """Return the arguments of `write_pairs` (and `verify_pairs`) for this file; large ones are read as they are indexed."""
        return {name: self._data[name] for name in (*_FRAME, "pairs")} | {"source": str(self.path)}

    def frame(self, number):
        """Return a frame as stored: dict of color (H, W, 3) RGB, depth (H, W), pose_c2w (4, 4), intrinsics (4,)."""
        return {name: _read(self.path, name, self._data[name], number) for name in _FRAME}

    def problem(self, index):
        """Return what is wrong with pair `index`, or None."""
        for frame in self.pairs[index]:
            if not 0 <= frame < self.frames:
                return f"names frame {frame}, the file has frames 0 to {self.frames - 1}"
            reason = None if self._checked[frame] else self._frame_problem(frame)
            if reason:
                return f"frame {frame} {reason}"
            self._checked[frame] = True
        return None

    def _frame_problem(self, number):
        frame = self.frame(number)
        if _checksum(*frame.values()) != self._data["crc32"][number]:
            return "is corrupt: its checksum does not match its bytes"
        for name in ("depth", "pose_c2w", "intrinsics"):
            if not np.isfinite(frame[name]).all():
                return f"has a non-finite number in '{name}'"
        turn = frame["pose_c2w"][:3, :3]
        if np.abs(turn @ turn.T - np.eye(3)).max() > 1e-3:
            return "has a 'pose_c2w' that is no rigid motion"
        return None

    def check(self, indices=None):
        """Raise DataError, naming the record, for the first corrupt one of `indices` (all)."""
        for i in range(len(self)) if indices is None else indices:
            reason = self.problem(i)
            if reason:
                raise DataError(f"{self.path}: pair {i}: {reason}")

    def sample(self, index):
        """Return pair `index` as a dict of src, tgt (3, H, W) BGR float32 0..255; depth (1, H, W) float32, metres, of tgt;
        intrinsics (4, 1, 1) float64, of tgt; pose (1, 4, 4) float64, T_src_tgt = inv(P_src) P_tgt."""
        return {name: array[0] for name, array in self.batch([index]).items()}

    def batch(self, indices):
        """Return the samples `indices` (N,) stacked along a new first axis; DataError names the first corrupt one."""
        indices = np.asarray(indices)
        if len(indices) and not (0 <= indices.min() and indices.max() < len(self)):
            raise DataError(f"{self.path}: pairs {indices.min()} to {indices.max()} were asked for; it has {len(self)}")
        self.check(indices)
        src, tgt = self.pairs[indices].T
        pose = self._data["pose_c2w"]
        return {"src": self._images(src), "tgt": self._images(tgt), "depth": self._gather("depth", tgt)[:, None],
                "intrinsics": self._data["intrinsics"][tgt].reshape(-1, 4, 1, 1),
                "pose": se3.relative(pose[src], pose[tgt])[:, None]}

    def _images(self, frames):
        rgb = self._gather("color", frames)
        return np.ascontiguousarray(rgb[..., ::-1].transpose(0, 3, 1, 2), np.float32)

    def _gather(self, name, frames):
        """Frames in any order and repeated: HDF5 reads only rising numbers, each once."""
        once, where = np.unique(frames, return_inverse=True)
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
    missing = [name for name in _LAYOUT if name not in file]
    if missing:
        there = list(file)
        raise DataError(f"{path}: no dataset '{missing[0]}' in this file; a pair file has {listed(_LAYOUT)}, "
                        f"this one {listed(there)}{nearest(missing[0], there)}")
    data = {name: file[name] for name in _LAYOUT}
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
