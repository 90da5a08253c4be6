"""Reading the text of a specification file, with the refusals that need no parsing."""

import os
import re

from pycaffe_geo.errors import SpecError, nearest
from pycaffe_geo.spec.definitions import Place
from pycaffe_geo.spec.node import fail

MAX_BYTES = 2 * 2**20
MAX_DEPTH = 64
MAX_VALUES = 300_000
_NO_TEXT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")


def read_text(path):
    """Return the text of the file at `path` (UTF-8, at most 2 MB); SpecError where it cannot be one."""
    path = os.fspath(path)
    try:
        with open(path, "rb") as f:
            raw = f.read(min(os.fstat(f.fileno()).st_size, MAX_BYTES) + 1)  # a read takes as much memory as it asks for
            while len(raw) <= MAX_BYTES and (more := f.read(4096)):  # a pipe tells no size
                raw += more
    except FileNotFoundError:
        raise SpecError(f"{path}: no such file{similar_file(path)}") from None
    except (OSError, ValueError) as e:
        raise SpecError(f"{path}: cannot be read: {getattr(e, 'strerror', None) or e}") from None
    if len(raw) > MAX_BYTES:
        fail(f"{path}:1:1", f"the file has more than {MAX_BYTES // 2**20} MB, expected a specification file of at most that")
    return decode(raw, path)


def decode(raw, path):
    """Return the bytes `raw` as text; SpecError names the place of the first byte that is not text."""
    if b"\0" in raw:
        fail(_place(raw, raw.index(b"\0"), path), "the file is binary, expected text (a network or solver in YAML or prototxt)")
    try:
        return check_text(raw.decode("utf-8-sig"), path)
    except UnicodeDecodeError as e:
        fail(_place(raw, e.start, path), f"got the byte 0x{raw[e.start]:02x}, expected UTF-8 text; save the file as UTF-8")


def check_text(text, path):
    """Return `text`; SpecError where it holds a character that is no text (a control character, half a surrogate pair)."""
    found = _NO_TEXT.search(text)
    if found:
        line = text.count("\n", 0, found.start()) + 1
        place = Place(path, line, found.start() - text.rfind("\n", 0, found.start()))
        fail(place, f"got the control character U+{ord(found.group()):04X}, expected text")
    return text


def _place(raw, offset, path):
    start = raw.rfind(b"\n", 0, offset) + 1
    return Place(path, raw.count(b"\n", 0, offset) + 1, len(raw[start:offset].decode("utf-8", "replace")) + 1)


def similar_file(path):
    """Return ", did you mean 'x.yaml'?" for the file of the same suffix beside `path` whose name is closest, or ""."""
    folder, name = os.path.split(path)
    stem, suffix = os.path.splitext(name)
    try:
        files = os.listdir(folder or ".")
    except (OSError, ValueError):
        return ""
    stems = [f.removesuffix(suffix) for f in files if f.endswith(suffix)]
    return nearest(stem, stems).replace("'?", f"{suffix}'?")
