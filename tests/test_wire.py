import numpy as np
import pytest

from pycaffe_geo.errors import DataError, WeightsError
from pycaffe_geo.wire import Message, encode_field, encode_varint


def fields(data):
    return list(Message(data, "f.bin"))


def message(data, read=lambda field: None):
    with pytest.raises(DataError) as e:
        for field in Message(data, "f.bin"):
            read(field)
    return str(e.value)


def test_numbers_texts_and_messages():
    data = encode_field(1, 300) + encode_field(2, -1) + encode_field(3, "é") + encode_field(16, encode_field(1, 2**63 - 1))
    one, two, three, four = fields(data)
    assert data.startswith(b"\x08\xac\x02")
    assert (one.number, one.integer(), two.integer(), three.text(), four.number) == (1, 300, -1, "é", 16)
    assert [(f.number, f.integer()) for f in four.message()] == [(1, 2**63 - 1)]


@pytest.mark.parametrize("dtype, kind", [("<f4", 5), ("<f8", 1)])
@pytest.mark.parametrize("number", [5, 20])
@pytest.mark.parametrize("count", [1, 2, 17, 300])
def test_repeated_numbers_packed_or_not_are_one_array(dtype, kind, number, count):
    values = np.random.default_rng(count).normal(size=count).astype(dtype)
    tag = encode_varint(number << 3 | kind)
    unpacked = b"".join(tag + v.tobytes() for v in values)
    for data in (encode_field(number, values.tobytes()), unpacked):
        before, found, after = fields(encode_field(1, 7) + data + encode_field(2, 9))
        np.testing.assert_array_equal(found.array(dtype), values)
        assert (before.integer(), found.number, after.integer()) == (7, number, 9)
    (cut,) = [f for f in fields(unpacked[:len(tag) + values.itemsize]) if f.number == number]
    assert cut.array(dtype).tolist() == [values[0]]


def test_a_run_ends_where_the_field_changes():
    mixed = b"".join(bytes([tag]) + np.float32(i).tobytes() for i, tag in enumerate([0x2D] * 40 + [0x35] + [0x2D] * 3))
    assert [(f.number, len(f.array("<f4"))) for f in fields(mixed)] == [(5, 40), (6, 1), (5, 3)]


def test_repeated_whole_numbers():
    packed = encode_field(1, encode_varint(3) + encode_varint(-1) + encode_varint(500))
    assert fields(packed)[0].integers(3) == [3, -1, 500]
    assert fields(encode_field(1, 5))[0].integers(3) == [5]
    assert message(packed, lambda f: f.integers(2)) == "f.bin: byte 0: field 1 has more than 2 numbers"


@pytest.mark.parametrize("data, expected", [
    (b"\x08", "f.bin: byte 1: the file ends within a number"),
    (b"\x08\xff", "f.bin: byte 1: the file ends within a number"),
    (b"\x08" + b"\xff" * 11, "f.bin: byte 1: a number has more than 10 bytes"),
    (b"\x08\x01\x12\x05ab", "f.bin: byte 2: field 2 has 5 bytes, but 2 are left"),
    (b"\x12" + encode_varint(2**62), f"f.bin: byte 0: field 2 has {2**62} bytes, but 0 are left"),
    (b"\x2d\x00\x00", "f.bin: byte 0: field 5 has 4 bytes, but 2 are left"),
    (b"\x0b", "f.bin: byte 0: got field 1 of wire type 3, expected"),
    (b"\x00\x01", "f.bin: byte 0: got field 0 of wire type 0, expected"),
])
def test_damaged_files(data, expected):
    assert message(data).startswith(expected)


def test_lengths_of_an_inner_message_end_with_it():
    data = encode_field(1, b"\x12\x05abc") + b"more bytes"
    with pytest.raises(WeightsError, match="byte 2: field 2 has 5 bytes, but 3 are left"):
        list(next(iter(Message(data, "f.bin", WeightsError))).message())


@pytest.mark.parametrize("data, read, expected", [
    (encode_field(1, 3), lambda f: f.text(), "byte 0: field 1 holds a whole number, expected a length and bytes"),
    (encode_field(1, b"\xff"), lambda f: f.text(), "byte 0: field 1 is no UTF-8 text"),
    (encode_field(1, b"abc"), lambda f: f.array("<f4"), "byte 0: field 1 has 3 bytes, expected a multiple of 4"),
    (encode_field(1, "x"), lambda f: f.integer(), "byte 0: field 1 holds a length and bytes, expected a whole number"),
    (b"\x2d1234", lambda f: f.array("<f8"), "byte 0: field 5 holds 4 bytes, expected 8 bytes"),
])
def test_fields_of_another_kind(data, read, expected):
    assert message(data, read) == f"f.bin: {expected}"
