"""Seeded damage to good files of data sets: each is read, or refused by name, as a DataError."""

import gzip
import io
import random
import struct
import warnings

import numpy as np
import pytest

from pycaffe_geo.datasets.digits import read_digits
from pycaffe_geo.datasets.kitti import camera_of, read_calibration
from pycaffe_geo.datasets.kitti_raw import read_places, read_scan
from pycaffe_geo.datasets.matlab_v5 import read_matlab
from pycaffe_geo.datasets.middlebury import read_calibration as read_middlebury_calibration
from pycaffe_geo.datasets.pfm import read_pfm
from pycaffe_geo.errors import DataError
from test_fuzz_files import damaged_bytes

IMAGES = struct.pack(">4I", 0x803, 4, 3, 2) + bytes(24)
LABELS = struct.pack(">2I", 0x801, 4) + bytes(4)


def npz():
    file = io.BytesIO()
    np.savez_compressed(file, images=np.zeros((4, 3, 2), np.uint8), labels=np.arange(4))
    return file.getvalue()


def mat():
    file = io.BytesIO()
    savemat = pytest.importorskip("scipy.io").savemat
    savemat(file, {"text": "words", "a": np.arange(50.0)}, do_compression=True)
    savemat(file, {"b": np.arange(9.0)[None]})
    return file.getvalue()


@pytest.mark.parametrize("name, data, read", [
    ("a.pfm", lambda: b"Pf\n3 2\n-1.0\n" + bytes(24), read_pfm),
    ("images-idx3", lambda: IMAGES, read_digits),
    ("images-idx3.gz", lambda: gzip.compress(IMAGES), read_digits),
    ("a.npz", npz, read_digits),
    ("a.mat", mat, lambda path: read_matlab(path, "b")),
    ("a.bin", lambda: np.ones(16, "<f4").tobytes(), read_scan),
    ("calib.txt", lambda: b"P2: 7 0 6 4 0 7 1 -1 0 0 1 0\nP3: 1\n", lambda path: camera_of(read_calibration(path), "P2", path)),
    ("new.txt", lambda: b"cam0=[10 0 5; 0 10 5; 0 0 1]\ndoffs=3\nbaseline=100\n", read_middlebury_calibration),
    ("list.txt", lambda: b"2011_09_26/2011_09_26_drive_0002_sync/image_02/data/0000000069.png\n", read_places),
])
def test_only_our_own_errors_come_out(tmp_path, name, data, read):
    good, refused = data(), 0
    for ending, pack in (("", bytes), (".gz", gzip.compress)):
        (tmp_path / f"labels-idx1{ending}").write_bytes(pack(LABELS))
    (tmp_path / name).write_bytes(good)
    read(tmp_path / name)
    for i in range(100):
        (tmp_path / name).write_bytes(damaged_bytes(good, random.Random(i)))
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                read(tmp_path / name)
        except DataError as e:
            refused += 1
            assert name in str(e) or "labels" in str(e)
    assert refused > 10
