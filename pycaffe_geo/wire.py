"""Protobuf's wire format: the fields of a binary message, read without a schema; every length is checked before it is used.

    for field in Message(data, "mean.binaryproto"):
        if field.number == 5:
            values = field.array("<f4")
"""

import numpy as np

from pycaffe_geo.errors import DataError

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_KINDS = {VARINT: "a whole number", FIXED64: "8 bytes", BYTES: "a length and bytes", FIXED32: "4 bytes"}
_SIZES = {FIXED64: 8, FIXED32: 4}
_FIRST_BLOCK = 16  # elements looked at first for a run of repeated numbers; each further look is at four times as many


class Message:
    """The bytes start .. stop of `data`; iterating yields its Fields in the order of the file.

    Nothing is kept between fields, so reading takes no more memory than what the reader keeps. `where` (a path) begins every
    message of an `error`, followed by the offset of the byte that is wrong.
    """

    def __init__(self, data, where, error=DataError, start=0, stop=None):
        self.data = data
        self.where = where
        self.error = error
        self.start = start
        self.stop = len(data) if stop is None else stop

    def __iter__(self):
        at = self.start
        while at < self.stop:
            field = self._field(at)
            yield field
            at = field.stop

    def fail(self, at, text):
        """Raise `error`: the file, the byte offset `at`, and `text`."""
        raise self.error(f"{self.where}: byte {at}: {text}")

    def varint(self, at):
        """Return (the unsigned whole number of up to 64 bits that begins at `at`, the offset after it)."""
        value = 0
        for i, byte in enumerate(self.data[at:min(at + 10, self.stop)]):
            value |= (byte & 127) << 7 * i
            if byte < 128:
                return value & (2**64 - 1), at + i + 1
        if at + 10 <= self.stop:
            self.fail(at, "a number has more than 10 bytes")
        return self.fail(at, "the file ends within a number")

    def _field(self, at):
        tag, content = self.varint(at)
        number, kind = tag >> 3, tag & 7
        if kind not in _KINDS or not number:
            self.fail(at, f"got field {number} of wire type {kind}, expected a field of type {sorted(_KINDS)}")
        value = 0
        if kind == VARINT:
            value, stop = self.varint(content)
        elif kind == BYTES:
            size, content = self.varint(content)
            stop = content + size
        else:
            stop = content + _SIZES[kind]
        if stop > self.stop:
            self.fail(at, f"field {number} has {stop - content} bytes, but {self.stop - content} are left")
        if kind in _SIZES:
            stop = self._end_of_run(at, content, stop)
        return Field(self, number, kind, value, at, content, stop)

    def _end_of_run(self, at, content, stop):
        """Return the end of the last of the fields of one tag and size that follow each other from `at` on."""
        tag, step = self.data[at:content], stop - at
        most = (self.stop - at) // step
        count, block = 1, _FIRST_BLOCK
        if self.data[stop:stop + len(tag)] != tag:
            return stop
        while count < most:
            rows = np.frombuffer(self.data, np.uint8, min(block, most - count) * step, at + count * step).reshape(-1, step)
            same = (rows[:, :len(tag)] == np.frombuffer(tag, np.uint8)).all(axis=1)
            if not same.all():
                count += int(same.argmin())
                break
            count += len(same)
            block *= 4
        return at + count * step


class Field:
    """One field: its `number`, and what it holds as an integer, text, bytes, an array of numbers or a further Message.

    Repeated numbers of fixed size that follow each other, each with a tag of its own, are one Field. `at` is the offset of the
    tag; start .. stop are the bytes after it.
    """

    __slots__ = ("parent", "number", "kind", "value", "at", "start", "stop")

    def __init__(self, parent, number, kind, value, at, start, stop):
        self.parent = parent
        self.number = number
        self.kind = kind
        self.value = value
        self.at = at
        self.start = start
        self.stop = stop

    def integer(self):
        """Return the value of an int32, int64, bool or enumeration (negative numbers are 64 bits in two's complement)."""
        self._expect(VARINT)
        return self.value - 2**64 if self.value >= 2**63 else self.value

    def bytes(self):
        """Return the bytes."""
        self._expect(BYTES)
        return bytes(self.parent.data[self.start:self.stop])

    def text(self):
        """Return the text (UTF-8)."""
        try:
            return self.bytes().decode()
        except UnicodeDecodeError:
            return self.parent.fail(self.at, f"field {self.number} is no UTF-8 text")

    def message(self):
        """Return the Message inside."""
        self._expect(BYTES)
        return Message(self.parent.data, self.parent.where, self.parent.error, self.start, self.stop)

    def array(self, dtype):
        """Return the repeated numbers of `dtype` ("<f4" or "<f8"), packed or not, as a NumPy array; packed, without a copy."""
        dtype = np.dtype(dtype)
        if self.kind == BYTES:
            count, rest = divmod(self.stop - self.start, dtype.itemsize)
            if rest:
                size = self.stop - self.start
                self.parent.fail(self.at, f"field {self.number} has {size} bytes, expected a multiple of {dtype.itemsize}")
            return np.frombuffer(self.parent.data, dtype, count, self.start)
        self._expect(FIXED32 if dtype.itemsize == 4 else FIXED64)
        step = self.start - self.at + dtype.itemsize
        rows = np.frombuffer(self.parent.data, np.uint8, self.stop - self.at, self.at).reshape(-1, step)
        return rows[:, self.start - self.at:].copy().view(dtype)[:, 0]

    def integers(self, most):
        """Return the repeated whole numbers, packed or not, as a list of at most `most`."""
        if self.kind == VARINT:
            return [self.integer()]
        self._expect(BYTES)
        values, at, inside = [], self.start, self.message()
        while at < self.stop:
            if len(values) == most:
                self.parent.fail(self.at, f"field {self.number} has more than {most} numbers")
            value, at = inside.varint(at)
            values.append(value - 2**64 if value >= 2**63 else value)
        return values

    def _expect(self, kind):
        if self.kind != kind:
            self.parent.fail(self.at, f"field {self.number} holds {_KINDS[self.kind]}, expected {_KINDS[kind]}")


def encode_varint(value):
    """Return the bytes of the whole number `value`."""
    value &= 2**64 - 1
    parts = bytearray()
    while value > 127:
        parts.append(value & 127 | 128)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def encode_field(number, content):
    """Return the bytes of field `number`: a whole number, a text, or bytes (a message, packed numbers)."""
    if isinstance(content, int):
        return encode_varint(number << 3 | VARINT) + encode_varint(content)
    content = content.encode() if isinstance(content, str) else content
    return encode_varint(number << 3 | BYTES) + encode_varint(len(content)) + content
