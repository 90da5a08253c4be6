"""What data layers share: where their files lie, and lists of files."""

import os

from pycaffe_geo.errors import DataError


def beside(path, other):
    """Return `path` where it exists from the current directory, else beside the file `other`."""
    return path if os.path.exists(path) else os.path.join(os.path.dirname(other), path)


def net_file(layer):
    """Return the network file that `layer` stands in, "" where there is none."""
    return layer.definition.place.file if layer.definition.place else ""


def read_lines(source, other, expected):
    """Return (path, [(line number, text)]) of the list `source`, without blank lines and blanks around the text.

    A relative `source` holds from the current directory, else beside the file `other`. A list that is missing, no text or
    empty raises DataError, which says what was `expected`.
    """
    path = beside(source, other)
    if not source or not os.path.isfile(path):
        raise DataError(f"source '{source}': no such file; expected {expected}")
    try:
        with open(path, encoding="utf-8") as file:
            lines = [(number, line.strip()) for number, line in enumerate(file, 1) if line.strip()]
    except UnicodeDecodeError as e:
        raise DataError(f"{path}: is no text; expected {expected}") from e
    if not lines:
        raise DataError(f"{path}: lists no files; expected {expected}")
    return path, lines
