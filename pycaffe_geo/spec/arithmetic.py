"""Arithmetic in `$(...)`: + - * / // % and parentheses on numbers and parameters, nothing else."""

import math
import re

_TOKEN = re.compile(r"\s*(?:((?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)|\$?([A-Za-z_]\w*)|(//|[-+*/%()]))")
_MAX_LENGTH = 200
_MAX_PARENTHESES = 20
_LARGEST = 2**63 - 1


def evaluate(text, lookup):
    """Return the number `text` amounts to; `lookup(name)` gives a parameter's. ValueError says what is wrong."""
    if len(text) > _MAX_LENGTH:
        raise ValueError(f"the expression has {len(text)} characters, expected at most {_MAX_LENGTH}")
    if text.count("(") > _MAX_PARENTHESES:
        raise ValueError(f"the expression has more than {_MAX_PARENTHESES} parentheses")
    parser = _Parser(_tokens(text), lookup)
    value = parser.sum()
    if parser.tokens[0]:
        raise ValueError(f"got '{parser.tokens[0]}', expected an operator (+ - * / // %) or the end")
    return value


def _tokens(text):
    tokens, at = [], 0
    text = text.rstrip()
    while at < len(text):
        found = _TOKEN.match(text, at)
        if not found:
            raise ValueError(f"got '{text[at:].strip()[0]}', expected numbers, parameters, + - * / // % ( )")
        tokens.append(found.group(1) or found.group(2) or found.group(3))
        at = found.end()
    return [*tokens, ""]


class _Parser:
    """Recursive descent over `tokens`; the last token is the empty one."""

    def __init__(self, tokens, lookup):
        self.tokens = tokens
        self.lookup = lookup

    def take(self):
        return self.tokens.pop(0) if self.tokens[0] else ""

    def sum(self):
        value = self.product()
        while self.tokens[0] in ("+", "-"):
            value = _apply(self.take(), value, self.product())
        return value

    def product(self):
        value = self.factor()
        while self.tokens[0] in ("*", "/", "//", "%"):
            value = _apply(self.take(), value, self.factor())
        return value

    def factor(self):
        sign = 1
        while self.tokens[0] in ("+", "-"):
            sign = -sign if self.take() == "-" else sign
        return sign * self.atom()

    def atom(self):
        token = self.take()
        if token == "(":
            value = self.sum()
            if self.take() != ")":
                raise ValueError("a closing parenthesis is missing")
            return value
        if token[:1].isdigit() or token[:1] == ".":
            return _bounded(int(token) if token.isdigit() else float(token))
        if token.isidentifier():
            return _bounded(self.lookup(token))
        raise ValueError(f"got '{token}', expected a number or a parameter" if token else "the expression ends too early")


def _apply(operator, a, b):
    if operator in ("/", "//", "%") and b == 0:
        raise ValueError(f"{a} {operator} {b} divides by zero")
    if operator == "+":
        return _bounded(a + b)
    if operator == "-":
        return _bounded(a - b)
    if operator == "*":
        return _bounded(a * b)
    return _bounded(a / b if operator == "/" else a // b if operator == "//" else a % b)


def _bounded(value):
    if abs(value) > _LARGEST if isinstance(value, int) else not math.isfinite(value):
        raise ValueError("a number grows beyond 64 bits")
    return value
