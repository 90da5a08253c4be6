"""A specification file or text to its Node: prototxt by its suffix, else YAML."""

import os

from pycaffe_geo.spec.prototxt import read_prototxt
from pycaffe_geo.spec.read_yaml import read_yaml
from pycaffe_geo.spec.source import MAX_BYTES, check_text, read_text
from pycaffe_geo.spec.node import fail

PROTOTXT = ".prototxt"


def parse(path, text=None):
    """Return the Node (a mapping) of the file at `path`, or of `text`, which `path` then only names."""
    path = os.fspath(path)
    if text is None:
        text = read_text(path)
    elif len(text) > MAX_BYTES:
        fail(f"{path}:1:1", f"the text has more than {MAX_BYTES // 2**20} MB, expected a specification of at most that")
    read = read_prototxt if path.endswith(PROTOTXT) else read_yaml
    return read(check_text(text, path), path)
