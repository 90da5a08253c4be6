"""Arithmetic in `$(...)` against Python's own, and what it refuses."""

import random

import pytest

from pycaffe_geo.spec.arithmetic import evaluate

VALUES = {"k": 7, "stride": 2, "r": 0.5}


@pytest.mark.parametrize("text, value", [
    ("k // 2", 3), ("(k - 1) * 2", 12), ("-k % 4", 1), ("$k+1", 8), ("1e-1*10", 1.0), ("--3", 3), ("8 / stride", 4.0)
])
def test_values(text, value):
    got = evaluate(text, VALUES.__getitem__)
    assert got == value and type(got) is type(value)


def test_agrees_with_python():
    draw = random.Random(3)
    for _ in range(300):
        text = str(draw.randint(0, 9))
        for _ in range(draw.randint(1, 6)):
            text = f"({text})" if draw.random() < 0.3 else text
            text += f" {draw.choice(['+', '-', '*', '/', '//', '%'])} {draw.choice(['k', 'stride', 'r', '3', '2.5'])}"
        assert evaluate(text, VALUES.__getitem__) == eval(text, {}, VALUES), text


@pytest.mark.parametrize("text, problem", [
    ("k +", "the expression ends too early"),
    ("(k", "a closing parenthesis is missing"),
    ("k k", "got 'k', expected an operator"),
    ("k ** 2", r"got '\*', expected a number or a parameter"),
    ("k / 0", "7 / 0 divides by zero"),
    ("__import__('os')", r"got ''', expected numbers"),
    ("k.real", "got 'real'|got '.', expected"),
    ("9999999999 * 9999999999", "beyond 64 bits"),
    ("(" * 21 + "1" + ")" * 21, "more than 20 parentheses"),
    ("1" * 201, "201 characters"),
])
def test_refusals(text, problem):
    with pytest.raises(ValueError, match=problem):
        evaluate(text, VALUES.get)
