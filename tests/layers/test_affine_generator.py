import itertools
import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(3, 4)], affine_generator_param={"rotation": True, "scale": True, "translation": True})
FLAGS = [flags for flags in itertools.product((False, True), repeat=3) if any(flags)]


def param(flags, around_identity=False):
    return dict(zip(("rotation", "scale", "translation"), flags), around_identity=around_identity)


def count(flags):
    return flags[0] + flags[1] + 2 * flags[2]


def generate(numbers, type_name="AffineGenerator", **param):
    layer, bottom, top = build_layer(type_name, [numbers], affine_generator_param=param)
    layer.forward(bottom, top)
    return top[0].data[:, 0]


@pytest.mark.parametrize("around_identity", [False, True])
@pytest.mark.parametrize("flags", FLAGS)
def test_gradient(flags, around_identity):
    numbers = np.random.default_rng(0).normal(size=(4, count(flags)))
    numbers[0] = 0
    report = check_layer("AffineGenerator", [numbers], affine_generator_param=param(flags, around_identity))
    assert report.ok, report


@pytest.mark.parametrize("shape", [(2, 6), (1, 6, 1, 1)])
def test_gradient_of_six_numbers(shape):
    report = check_layer("AffineGenerator", [shape], affine_generator_param={"around_identity": True})
    assert report.ok, report


@pytest.mark.parametrize("around_identity", [False, True])
@pytest.mark.parametrize("flags", FLAGS)
def test_forward_by_hand(flags, around_identity):
    numbers = np.random.default_rng(1).normal(size=(3, count(flags)))
    got = generate(numbers, **param(flags, around_identity))
    for row, A in zip(numbers, got):
        parts = list(row)
        angle = parts.pop(0) if flags[0] else 0
        scale = parts.pop(0) + around_identity if flags[1] else 1
        tx, ty = parts if flags[2] else (0, 0)
        c, s = scale * math.cos(angle), scale * math.sin(angle)
        np.testing.assert_allclose(A, [[c, -s, tx], [s, c, ty]], atol=1e-15)


def test_similarity_generator_has_all_parts_unless_told():
    numbers = np.array([[0.3, 2.0, 5.0, -1.0]])
    np.testing.assert_array_equal(generate(numbers, "SimilarityGenerator"), generate(numbers, **param((True, True, True))))
    assert generate(numbers[:, :1], "SimilarityGenerator", scale=True).tolist() == [[[0.3, 0, 0], [0, 0.3, 0]]]


def test_zero_around_the_identity_is_the_identity():
    for flags in [(False, False, False), *FLAGS]:
        zero = np.zeros((1, count(flags) or 6))
        assert generate(zero, **param(flags, True)).tolist() == [[[1, 0, 0], [0, 1, 0]]]


def test_six_numbers_are_the_rows():
    assert generate(np.arange(6.0)[None]).tolist() == [[[0, 1, 2], [3, 4, 5]]]


def test_count_of_numbers():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 6\), expected \(N, 3\) or \(N, 3, 1, 1\)"):
        generate(np.zeros((2, 6)), rotation=True, translation=True)
