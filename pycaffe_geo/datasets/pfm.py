"""PFM files: pictures of one channel of float32, such as disparity."""

import re
from pathlib import Path

import numpy as np

from pycaffe_geo.errors import DataError

# "Pf", width, height, scale; one white space ends the header. A negative scale says that the numbers are little-endian.
_HEADER = re.compile(rb"(P[Ff])\s+(\d{1,6})\s+(\d{1,6})\s+([-+.\deE]+)\s")


def read_pfm(path):
    """Return the values (H, W) float32, top row first, of a PFM file with one channel."""
    path = Path(path)
    try:
        data = path.read_bytes()
    except OSError as e:
        raise DataError(f"{path.absolute()}: cannot be read: {e}") from e
    header = _HEADER.match(data)
    if not header or header[1] != b"Pf":
        raise DataError(f"{path}: begins with {data[:12]!r}, expected a PFM file of one channel: 'Pf', width, height, scale")
    width, height = int(header[2]), int(header[3])
    if len(data) - header.end() != 4 * width * height:
        raise DataError(f"{path}: says that it is {width}x{height}, but holds {len(data) - header.end()} bytes, expected "
                        f"{4 * width * height}; was it cut short?")
    order = "<" if header[4].startswith(b"-") else ">"
    return np.frombuffer(data, f"{order}f4", offset=header.end()).reshape(height, width)[::-1].astype(np.float32)
