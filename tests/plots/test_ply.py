import struct

import numpy as np

from pycaffe_geo.plots.ply import write_ply


def test_header_and_bytes_are_as_the_format_says(tmp_path):
    points = np.array([[0.5, -1, 2], [3, 4, 5.25]])
    write_ply(tmp_path / "a.ply", points, np.array([[1, 2, 3], [250, 251, 252]], np.uint8))
    header, _, body = (tmp_path / "a.ply").read_bytes().partition(b"end_header\n")
    lines = header.decode("ascii").splitlines()
    assert lines[:2] == ["ply", "format binary_little_endian 1.0"] and "element vertex 2" in lines
    assert [line.split()[1:] for line in lines if line.startswith("property")] == [
        ["float", "x"], ["float", "y"], ["float", "z"], ["uchar", "red"], ["uchar", "green"], ["uchar", "blue"]]
    assert list(struct.iter_unpack("<fffBBB", body)) == [(0.5, -1, 2, 1, 2, 3), (3, 4, 5.25, 250, 251, 252)]
