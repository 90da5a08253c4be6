"""Typed definitions out of plain values: what is accepted, and the texts of what is not."""

import math
from dataclasses import dataclass
from typing import Literal

import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.fillers import Filler
from pycaffe_geo.spec.definitions import Place
from pycaffe_geo.spec.node import Node
from pycaffe_geo.spec.typed import build, convert


@dataclass(frozen=True)
class Inner:
    size: tuple[int, ...] = ()


@dataclass(frozen=True)
class Param:
    n: int
    lambda_: float = 0.5
    name: str = ""
    on: bool = True
    mode: Literal["MAX", "AVE"] = "MAX"
    axis: int | None = 1
    inner: Inner = Inner()
    filler: Filler = Filler()
    fillers: tuple[Filler, ...] = ()

    def __post_init__(self):
        if self.n < 1:
            raise ValueError(f"n: got {self.n}, expected at least 1")


def plain(text):
    return Node(text, Place("f.yaml", 2, 5))


def message(kind, value, **where):
    with pytest.raises(SpecError) as e:
        convert(kind, value, **where)
    return str(e.value)


def test_all_kinds_of_fields():
    values = {"n": 3, "lambda": 1, "mode": "AVE", "axis": None, "inner": {"size": 7}, "filler": "xavier", "fillers": ["msra"]}
    got = build(Param, values)
    assert got == Param(3, 1.0, "", True, "AVE", None, Inner((7,)), Filler("xavier"), (Filler("msra"),))
    assert isinstance(got.lambda_, float)


@pytest.mark.parametrize("text, value", [("1e-3", 1e-3), ("010", 10.0), (".5", 0.5), ("5.", 5.0), ("-2", -2.0), ("+1E+2", 100.0)])
def test_texts_that_are_numbers(text, value):
    assert convert(float, plain(text)) == value


def test_010_is_ten_and_whole_floats_are_ints():
    assert convert(int, plain("010")) == 10
    assert convert(int, plain("1e5")) == 100000
    assert convert(int, Node(2.0)) == 2


def test_infinity_is_a_float_but_nan_is_not():
    assert convert(float, plain("-.inf")) == -math.inf
    assert "got 'nan', expected a number" in message(float, plain("nan"))
    assert "expected a whole number" in message(int, plain("inf"))
    assert "expected a number that fits" in message(float, plain("1e999"))
    assert "at most 64 bits" in message(int, plain("9" * 30))


@pytest.mark.parametrize("word", ["on", "off", "yes", "no", "true", "null", "010", "1e-3", "~"])
def test_words_stay_texts_where_a_text_belongs(word):
    assert convert(str, plain(word)) == word


@pytest.mark.parametrize("word, value", [
    ("on", True), ("Yes", True), ("TRUE", True), ("1", True), ("off", False), ("no", False), ("false", False)
])
def test_words_are_booleans_where_a_boolean_belongs(word, value):
    assert convert(bool, plain(word)) is value


def test_wrong_values_name_place_key_got_and_expected():
    text = message(int, plain("2.5"), where="layer 'a'", key="n")
    assert text == "f.yaml:2:5: layer 'a': n: got '2.5', expected a whole number"
    assert message(float, plain("1_000")).endswith("got '1_000', expected a number; write 1000")
    assert message(float, Node("3", plain=False)) == "got '3' in quotes, expected a number; remove the quotes"
    assert message(bool, plain("maybe")).endswith("got 'maybe', expected true or false")
    assert message(int, True) == "got 'True', expected a whole number"
    assert message(str, [1]).startswith("got a list of 1, expected a text; put text with brackets")
    assert message(str, None) == "got nothing, expected a text"
    assert message(tuple[int, ...], [1, "x"], key="k").startswith("k[1]: got 'x'")


def test_wrong_keys_and_options_name_the_nearest():
    with pytest.raises(SpecError, match=r"^w: unknown key 'lamda', did you mean 'lambda'\? \(known: 'n', 'lambda', "):
        build(Param, {"n": 1, "lamda": 2}, "w")
    with pytest.raises(SpecError, match=r"mode: got 'max' .*expected one of 'MAX', 'AVE', did you mean 'MAX'\?"):
        build(Param, {"n": 1, "mode": "max"})
    with pytest.raises(SpecError, match=r"filler: unknown filler type 'xavir', did you mean 'xavier'\?"):
        build(Param, {"n": 1, "filler": "xavir"})


def test_missing_and_refused_values():
    with pytest.raises(SpecError, match=r"^w: 'n' is missing$"):
        build(Param, {}, "w")
    with pytest.raises(SpecError, match=r"^w: n: got 0, expected at least 1$"):
        build(Param, {"n": 0}, "w")
    with pytest.raises(SpecError, match=r"inner: got '3', expected a mapping with keys 'size'"):
        build(Param, {"n": 1, "inner": 3})
