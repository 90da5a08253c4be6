"""LMDBs of Datums for tests, as Caffe's tools write them."""

import io
import struct

import numpy as np

from pycaffe_geo.wire import encode_field, encode_varint


def datum(picture, label=None, encoded=""):
    """Return the bytes of a Datum of `picture` (C, H, W): uint8 raw or, as `encoded` says ("PNG", "JPEG"), else float_data."""
    if encoded:
        return encode_field(4, _file(picture, encoded)) + _number(5, label) + encode_field(7, 1)
    head = b"".join(encode_field(i + 1, n) for i, n in enumerate(picture.shape))
    if picture.dtype == np.uint8:
        return head + encode_field(4, picture.tobytes()) + _number(5, label)
    tag = encode_varint(6 << 3 | 5)
    return head + _number(5, label) + b"".join(tag + struct.pack("<f", v) for v in picture.ravel())


def write_lmdb(path, records):
    """Write records (bytes) to the new LMDB folder `path`, with keys that keep their order; return the path as text."""
    import lmdb

    environment = lmdb.open(str(path), map_size=2**28)
    with environment.begin(write=True) as transaction:
        for i, record in enumerate(records):
            transaction.put(f"{i:08d}".encode(), record)
    environment.close()
    return str(path)


def _number(field, value):
    return b"" if value is None else encode_field(field, value)


def _file(picture, kind):
    from PIL import Image

    pixels = picture[0] if len(picture) == 1 else picture[::-1].transpose(1, 2, 0)
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels)).save(file, kind)
    return file.getvalue()
