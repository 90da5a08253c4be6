"""A specification file or text to its Node: prototxt or YAML, as its suffix says, else as it looks."""

import os
import re

from pycaffe_geo.spec.prototxt import read_prototxt
from pycaffe_geo.spec.read_yaml import read_yaml
from pycaffe_geo.spec.source import MAX_BYTES, check_text, read_text
from pycaffe_geo.spec.node import fail

PROTOTXT = ".prototxt"
_YAML = (".yaml", ".yml")
_ONLY_PROTOTXT = re.compile(r'^[ \t]*\w+[ \t]*(\{|:[ \t]*("[^"\n]*"|[^\s,"{}\[\]]+)[ \t]+\w+[ \t]*:)', re.MULTILINE)


def parse(path, text=None):
    """Return the Node (a mapping) of the file at `path`, or of `text`, which `path` then only names."""
    path = os.fspath(path)
    if text is None:
        text = read_text(path)
    elif len(text) > MAX_BYTES:
        fail(f"{path}:1:1", f"the text has more than {MAX_BYTES // 2**20} MB, expected a specification of at most that")
    read = read_prototxt if _is_prototxt(path, text) else read_yaml
    return read(check_text(text, path), path)


def _is_prototxt(path, text):
    """Scripts for pycaffe write prototxt to temporary files of any name: `key {` or two fields on a line are no YAML."""
    return path.endswith(PROTOTXT) or (not path.endswith(_YAML) and _ONLY_PROTOTXT.search(text) is not None)
