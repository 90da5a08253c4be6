import itertools
import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(3, 4)])
COUNTS = {"rotation": 1, "translation": 2, "scale": 1}
PARTS = [list(p) for k in (1, 2, 3) for p in itertools.permutations(COUNTS, k)]


def size(parts):
    return sum(COUNTS[part] for part in parts)


def generate(numbers, **param):
    layer, bottom, top = build_layer("SimilarityGenerator", [numbers], similarity_generator_param=param)
    layer.forward(bottom, top)
    return top[0].data[:, 0]


@pytest.mark.parametrize("parts", PARTS, ids="-".join)
def test_gradient(parts):
    numbers = np.random.default_rng(0).normal(size=(4, size(parts)))
    numbers[0], numbers[1] = 0, 1e-7
    report = check_layer("SimilarityGenerator", [numbers], similarity_generator_param={"parts": parts})
    assert report.ok, report


@pytest.mark.parametrize("shape", [(1, 4), (2, 4, 1, 1)])
def test_gradient_of_all_parts(shape):
    report = check_layer("SimilarityGenerator", [shape])
    assert report.ok, report


@pytest.mark.parametrize("parts", PARTS, ids="-".join)
def test_forward_by_hand(parts):
    numbers = np.random.default_rng(1).normal(size=(3, size(parts)))
    for row, A in zip(numbers, generate(numbers, parts=parts)):
        row = list(row)
        given = {part: [row.pop(0) for _ in range(COUNTS[part])] for part in parts}
        angle, scale = given.get("rotation", [0])[0], math.exp(given.get("scale", [0])[0])
        tx, ty = given.get("translation", (0, 0))
        c, s = scale * math.cos(angle), scale * math.sin(angle)
        np.testing.assert_allclose(A, [[c, -s, tx], [s, c, ty]], atol=1e-15)


def test_zero_is_the_identity():
    assert generate(np.zeros((1, 4))).tolist() == [[[1, 0, 0], [0, 1, 0]]]


def test_count_of_numbers():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 6\), expected \(N, 3\) or \(N, 3, 1, 1\)"):
        generate(np.zeros((2, 6)), parts=["rotation", "translation"])


def test_a_part_twice():
    with pytest.raises(SpecError, match="expected each of rotation, translation, scale at most once"):
        generate(np.zeros((2, 2)), parts=["scale", "scale"])
