"""LMDB folders: records by number, in the order of their keys."""

import os
import weakref

from pycaffe_geo.errors import DataError

_OPEN = weakref.WeakValueDictionary()  # a process may open an LMDB only once


def open_lmdb(path):
    """Return the LmdbFile of the folder (or single file) `path`: the same one as long as someone holds it."""
    key = os.path.realpath(path)
    file = _OPEN.get(key)
    if file is None:
        file = _OPEN[key] = LmdbFile(path)
    return file


class LmdbFile:
    """The records of an LMDB, read-only and without its lock file, so that it may lie on a read-only disk.

    `len(file)` records; threads may read at once. What is no LMDB raises DataError.
    """

    def __init__(self, path):
        self.path = path
        self.lmdb = _module(path)
        _check(path)
        try:
            self.environment = self.lmdb.open(path, readonly=True, lock=False, subdir=os.path.isdir(path))
            with self.environment.begin() as transaction:
                self.keys = list(transaction.cursor().iternext(keys=True, values=False))
        except self.lmdb.Error as e:
            raise DataError(f"{path}: not a readable LMDB ({e})") from e
        if not self.keys:
            raise DataError(f"{path}: has no records")

    def __len__(self):
        return len(self.keys)

    def record(self, number):
        """Return the bytes of a record."""
        try:
            with self.environment.begin() as transaction:
                return transaction.get(self.keys[number])
        except self.lmdb.Error as e:
            raise DataError(f"{self.describe(number)}: cannot be read ({e})") from e

    def describe(self, number):
        """Return where a record stands, for messages."""
        return f"{self.path}: record {number} (key '{self.keys[number].decode(errors='replace')}')"


def _module(path):
    try:
        import lmdb
    except ImportError as e:
        raise DataError(f"{path}: reading an LMDB needs the package lmdb (pip install 'pycaffe_geo[lmdb]')") from e
    return lmdb


def _check(path):
    if not os.path.exists(path):
        raise DataError(f"{os.path.abspath(path)}: no such folder; expected an LMDB, a folder with data.mdb")
    if os.path.isdir(path) and not os.path.exists(os.path.join(path, "data.mdb")):
        level = os.path.exists(os.path.join(path, "CURRENT"))
        kind = "a LevelDB, which is not supported" if level else "a folder without data.mdb"
        raise DataError(f"{os.path.abspath(path)}: is {kind}; expected an LMDB")
