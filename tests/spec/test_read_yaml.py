"""YAML text to Nodes: places of keys and values, and every kind of file that cannot be read."""

import pytest
import yaml

from pycaffe_geo.errors import SpecError
from pycaffe_geo.spec import load_net, read_yaml
from pycaffe_geo.spec.parse import parse


@pytest.fixture(params=["compiled", "python"], autouse=True)
def parser(request, monkeypatch):
    """Each test runs with PyYAML's own parser too: libyaml is not everywhere."""
    if request.param == "python":
        monkeypatch.setattr(read_yaml, "_Loader", yaml.SafeLoader)
    return request.param


def message(text, file="n.yaml"):
    with pytest.raises(SpecError) as e:
        parse(file, text)
    assert "\n" not in str(e.value)
    return str(e.value)


def test_every_key_and_value_has_its_place():
    root = parse("n.yaml", "name: net\nlayers:\n- {name: é, type: [A, b]}\n")
    assert str(root.key_place("layers")) == "n.yaml:2:1"
    layer = root.value["layers"].value[0]
    assert str(layer.place) == "n.yaml:3:3"
    assert str(layer.key_place("type")) == "n.yaml:3:13"
    assert str(layer.value["type"].value[1].place) == "n.yaml:3:23"


def test_scalars_keep_their_text_and_quotes_count():
    values = parse("n.yaml", "{a: 1e-3, b: '010', c: , d: \"\"}").value
    assert [(v.value, v.plain) for v in values.values()] == [("1e-3", True), ("010", False), (None, True), ("", False)]


def test_anchors_and_aliases():
    root = parse("n.yaml", "a: &x {k: 1}\nb: [*x, *x]\n")
    assert root.value["b"].value[1].value["k"].value == "1"


@pytest.mark.parametrize("text, expected", [
    ("", "n.yaml:1:1: the file is empty, expected a mapping"),
    ("# nothing\n", "n.yaml:1:1: the file is empty"),
    ("a: 1\n\tb: 2\n", "n.yaml:2:1: got a tab, expected spaces"),
    ("a:\n  \tb: 2\n", "n.yaml:2:3: got a tab, expected spaces"),
    ("a: 1\nb: 2\na: 3\n", "n.yaml:3:1: the key 'a' stands twice in this mapping, first in line 1"),
    ("a: {b: 1, b: 2}\n", "n.yaml:1:11: the key 'b' stands twice"),
    ("a: !!python/name:os.system x\n", "n.yaml:1:4: got the tag 'tag:yaml.org,2002:python/name:os.system', expected none"),
    ("a: *b\n", "n.yaml:1:4: the alias '*b' has no anchor"),
    ("a: &b [*b]\n", "n.yaml:1:8: the alias '*b' has no anchor '&b' that ends before it"),
    ("a: 1\n---\nb: 2\n", "n.yaml:2:1: got a second document"),
    ("just text\n", "n.yaml:1:1: got 'just text', expected a mapping"),
    ("- 1\n- 2\n", "n.yaml:1:1: got a list of 2, expected a mapping"),
    ("? [a]\n: b\n", "n.yaml:1:3: a key must be a plain word"),
    ("a: {<<: {b: 1}}\n", "n.yaml:1:5: merge keys (<<) are not supported"),
    ("a: @b\n", "n.yaml:1:4: this is no valid YAML: got '@' at the start of a value, expected it in quotes"),
    ("a: b: c\n", "n.yaml:1:5: this is no valid YAML: mapping values are not allowed"),
    ("a: \x07\n", "n.yaml:1:4: got the control character U+0007, expected text"),
])
def test_texts_that_cannot_be_read(text, expected):
    assert message(text).startswith(expected)


def test_an_unclosed_bracket_names_both_lines():
    text = message("a: 1\nb: [1, 2\nc: 3\n")
    assert text.startswith("n.yaml:3:") and "that begins in line 2" in text


@pytest.mark.parametrize("text", ["[" * 200_000, "{a: " * 200_000, "- " * 200_000, "a: " + "[" * 5000 + "]" * 5000])
def test_deep_nesting(text):
    assert "nested more than 64 levels deep" in message(text)


def test_an_alias_bomb():
    lines = ["a: &a [1, 1, 1, 1, 1, 1, 1, 1, 1]"]
    lines += [f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]" for a, b in zip("abcdefgh", "bcdefghi")]
    text = message("\n".join(lines))
    assert text.startswith("n.yaml:6:") and "more than 300000 values when its aliases are written out" in text


@pytest.mark.parametrize("content, expected", [
    (b"", ":1:1: the file is empty"),
    (b"name: x\nlayers: \x00\x01", ":2:9: the file is binary, expected text"),
    ("name: x\n# caf\u00e9".encode("latin-1"), ":2:6: got the byte 0xe9, expected UTF-8"),
    (b"a b c \n" * 1_500_000, ":1:1: the file has more than 2 MB"),
])
def test_files_that_are_no_specification(tmp_path, content, expected):
    path = tmp_path / "n.yaml"
    path.write_bytes(content)
    with pytest.raises(SpecError) as e:
        load_net(path)
    assert str(e.value).startswith(f"{path}{expected}")


def test_files_that_are_not_there(tmp_path):
    (tmp_path / "alexnet.yaml").write_text("name: x")
    with pytest.raises(SpecError, match=r"alexnt.yaml: no such file, did you mean 'alexnet.yaml'\?$"):
        load_net(tmp_path / "alexnt.yaml")
    with pytest.raises(SpecError, match="cannot be read"):
        load_net(tmp_path)


def test_a_byte_order_mark_and_windows_line_ends(tmp_path):
    path = tmp_path / "n.yaml"
    path.write_bytes(b"\xef\xbb\xbfname: x\r\nlayers: 3\r\n")
    with pytest.raises(SpecError, match=r"n.yaml:2:9: layers: got '3'"):
        load_net(path)
