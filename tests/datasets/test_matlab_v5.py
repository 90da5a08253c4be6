"""MATLAB's files of version 5: written by hand and by SciPy, and damaged."""

import struct

import numpy as np
import pytest

from pycaffe_geo.datasets.matlab_v5 import read_matlab
from pycaffe_geo.errors import DataError


def element(kind, data, order="<"):
    return struct.pack(f"{order}2I", kind, len(data)) + data + bytes(-len(data) % 8)


def matrix(name, shape, kind, data, order="<", flags=6):
    sizes = struct.pack(f"{order}{len(shape)}i", *shape)
    parts = (6, struct.pack(f"{order}2I", flags, 0)), (5, sizes), (1, name.encode()), (kind, data)
    return element(14, b"".join(element(*part, order) for part in parts), order)


def file(*elements, order="<"):
    head = b"MATLAB 5.0 MAT-file".ljust(124) + struct.pack(f"{order}H", 0x100) + {"<": b"IM", ">": b"MI"}[order]
    return head + b"".join(elements)


@pytest.fixture
def write(tmp_path):
    def write(data):
        (tmp_path / "a.mat").write_bytes(data)
        return tmp_path / "a.mat"

    return write


@pytest.mark.parametrize("order", "<>")
def test_numbers_are_stored_smaller_than_they_are_by_columns(write, order):
    numbers = struct.pack(f"{order}6H", *range(6))
    path = write(file(matrix("other", (1, 1), 2, b"\7", order), matrix("a", (2, 3), 4, numbers, order), order=order))
    np.testing.assert_array_equal(read_matlab(path, "a"), [[0, 2, 4], [1, 3, 5]])


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("array", [
    np.arange(795.0)[:, None] + 1, np.array([[1, -2], [300, 4]], np.int16), np.array([[5]], np.uint8), np.array([[0.5, -1e9]]),
    np.array([[7.0]], np.float32),
])
def test_as_scipy_writes(write, array, compressed):
    savemat = pytest.importorskip("scipy.io").savemat
    path = write(b"")
    savemat(path, {"text": "words", "cells": np.array([[1], ["a"]], object), "trainNdxs": array}, do_compression=compressed)
    np.testing.assert_array_equal(read_matlab(path, "trainNdxs"), array)
    with pytest.raises(DataError, match=r"real numbers 'trainNdx', did you mean 'trainNdxs'\? \(it has 'text', 'cells', "):
        read_matlab(path, "trainNdx")
    with pytest.raises(DataError, match="no array of real numbers 'text'"):
        read_matlab(path, "text")


GOOD = file(matrix("a", (2, 3), 4, bytes(12)))


@pytest.mark.parametrize("data, message", [
    (b"\x89HDF\r\n\x1a\n", r"begins with b'.x89HDF.*expected a MATLAB file of version 5 to 7"),
    (GOOD.replace(b"\0\1IM", b"\0\2IM"), "expected a MATLAB file of version 5"),
    (GOOD[:-9], "damaged, or cut short: .*an element of .* bytes"),
    (GOOD[:133], "damaged, or cut short: .*unpack_from"),
    (file(matrix("a", (2, 4), 4, bytes(12))), r"6 numbers in an array of \[2, 4\]"),
    (file(matrix("a", (2, 3), 16, bytes(12))), "damaged, or cut short: KeyError"),
    (file(matrix("a", (2, 3), 4, bytes(12), flags=0x806)), "no array of real numbers 'a'"),
    (file(struct.pack("<2I", 15, 8) + bytes(8)), "damaged, or cut short: error"),
    (file(element(14, b"")), "damaged, or cut short: ValueError"),
])
def test_damage_is_named(write, data, message):
    with pytest.raises(DataError, match=message):
        read_matlab(write(data), "a")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="nowhere.mat: cannot be read"):
        read_matlab(tmp_path / "nowhere.mat", "a")
