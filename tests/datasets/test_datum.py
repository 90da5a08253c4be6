import numpy as np
import pytest

from lmdb_files import datum
from pycaffe_geo.datasets.datum import read_datum
from pycaffe_geo.errors import DataError

RNG = np.random.default_rng(0)
COLOUR = RNG.integers(256, size=(3, 5, 4), dtype=np.uint8)
GREY = COLOUR[:1]
POSE, DEPTH = RNG.normal(size=(6, 1, 1)).astype("float32"), RNG.random((1, 9, 9), "float32")


@pytest.mark.parametrize("picture", [COLOUR, GREY, POSE, DEPTH])
@pytest.mark.parametrize("label", [0, 7, -3])
def test_raw_and_float_pictures(picture, label):
    values, found = read_datum(datum(picture, label), "here")
    assert values.dtype == picture.dtype and found == label
    np.testing.assert_array_equal(values, picture)


def test_without_a_label_it_is_0():
    assert read_datum(datum(GREY), "here")[1] == 0


def test_encoded_pictures():
    pytest.importorskip("PIL")
    for picture in (COLOUR, GREY):
        values, label = read_datum(datum(picture, 3, "PNG"), "here")
        assert label == 3
        np.testing.assert_array_equal(values, picture)
    np.testing.assert_array_equal(read_datum(datum(GREY, 3, "PNG"), "here", color=True)[0], np.repeat(GREY, 3, axis=0))
    b, g, r = COLOUR.astype(int)
    grey = read_datum(datum(COLOUR, 3, "PNG"), "here", color=False)[0]
    assert abs(grey[0] - (0.299 * r + 0.587 * g + 0.114 * b)).max() <= 1


def test_damaged_records_are_named():
    pytest.importorskip("PIL")
    whole = datum(COLOUR, 1)
    for length in range(len(whole) - 2):
        with pytest.raises(DataError, match="^here: "):
            read_datum(whole[:length], "here")
    with pytest.raises(DataError, match=r"here: a Datum of \(3, 5, 4\) \(channels, height, width\) holds 1 value\(s\)"):
        read_datum(datum(COLOUR)[:6] + b"\x22\x01a", "here")
    broken = datum(COLOUR, 1, "PNG").replace(b"IHDR", b"IHDX")
    with pytest.raises(DataError, match="^here: cannot be read as a picture"):
        read_datum(broken, "here")
