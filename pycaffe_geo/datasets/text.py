"""Text files that come with data, in lines."""

from pathlib import Path

from pycaffe_geo.errors import DataError


def read_lines(path):
    """Return the lines of a UTF-8 file, with or without a byte order mark; DataError with the path where it is no such file."""
    try:
        return Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as e:
        raise DataError(f"{path}: cannot be read as text: {e}") from e
