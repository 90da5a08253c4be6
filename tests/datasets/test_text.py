"""Lines of text files: marks that editors leave, and files that are no text."""

import pytest

from pycaffe_geo.datasets.text import read_lines
from pycaffe_geo.errors import DataError


@pytest.mark.parametrize("data", [b"1 2\n3", b"\xef\xbb\xbf1 2\r\n3\r\n", b"1 2\n3\n"])
def test_lines(tmp_path, data):
    (tmp_path / "a.txt").write_bytes(data)
    assert read_lines(str(tmp_path / "a.txt")) == ["1 2", "3"]


def test_what_cannot_be_read_is_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe1\x00")
    for name in ("a.txt", "none.txt", "."):
        with pytest.raises(DataError, match=f"{tmp_path / name}: cannot be read as text: "):
            read_lines(tmp_path / name)
