import gc

import pytest

from lmdb_files import write_lmdb
from pycaffe_geo.datasets.lmdb_file import open_lmdb
from pycaffe_geo.errors import DataError

lmdb = pytest.importorskip("lmdb")


def test_records_come_in_the_order_of_their_keys(tmp_path):
    environment = lmdb.open(str(tmp_path / "d"))
    with environment.begin(write=True) as transaction:
        for key in (b"b", b"a10", b"a2"):
            transaction.put(key, b"value of " + key)
    environment.close()
    file = open_lmdb(str(tmp_path / "d"))
    assert [file.record(i) for i in range(len(file))] == [b"value of a10", b"value of a2", b"value of b"]
    assert file.describe(1).endswith("d: record 1 (key 'a2')")


def test_two_readers_share_one_file_and_it_closes_after_the_last(tmp_path):
    path = write_lmdb(tmp_path / "d", [b"one"])
    first, second = open_lmdb(path), open_lmdb(str(tmp_path / "d" / ".." / "d"))
    assert first is second
    del first, second
    gc.collect()
    write_lmdb(path, [b"two", b"three"])  # the process may open it again
    assert len(open_lmdb(path)) == 2


def test_no_lock_file_is_written(tmp_path):
    path = write_lmdb(tmp_path / "d", [b"one"])
    (tmp_path / "d" / "lock.mdb").unlink()
    assert open_lmdb(path).record(0) == b"one"
    assert [p.name for p in (tmp_path / "d").iterdir()] == ["data.mdb"]


def test_what_is_no_lmdb(tmp_path):
    with pytest.raises(DataError, match="gone: no such folder; expected an LMDB"):
        open_lmdb(str(tmp_path / "gone"))
    with pytest.raises(DataError, match="is a folder without data.mdb"):
        open_lmdb(str(tmp_path))
    (tmp_path / "CURRENT").write_text("MANIFEST-000004\n")
    with pytest.raises(DataError, match="is a LevelDB, which is not supported; expected an LMDB"):
        open_lmdb(str(tmp_path))
    (tmp_path / "data.mdb").write_text("nothing of the kind")
    with pytest.raises(DataError, match="not a readable LMDB"):
        open_lmdb(str(tmp_path))
    with pytest.raises(DataError, match="has no records"):
        open_lmdb(write_lmdb(tmp_path / "empty", []))
