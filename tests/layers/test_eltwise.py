import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(
    bottom=[np.linspace(0, 1, 30).reshape(1, 6, 5), np.linspace(-1, 2, 30).reshape(1, 6, 5)],
    eltwise_param={"operation": "SUM", "coeff": [1, -0.5]},
)
CASES = [
    {},
    {"coeff": [1, 1, 1]},
    {"coeff": [1, -2, 0.5]},
    {"operation": "PROD"},
    {"operation": "PROD", "stable_prod_grad": False},
    {"operation": "MAX"},
]


@pytest.mark.parametrize("p", CASES)
def test_gradient(p):
    report = check_layer("Eltwise", [(1, 3, 5)] * 3, eltwise_param=p)
    assert report.ok, report


@pytest.mark.parametrize("p", CASES)
def test_gradient_of_one_bottom_alone(p):
    report = check_layer("Eltwise", [(1, 3, 5)] * 3, check_bottoms=[1], eltwise_param=p)
    assert report.ok, report


def test_gradient_of_a_product_with_zeros():
    a = np.random.default_rng(0).normal(size=(4, 5))
    a[::2] = 0
    report = check_layer("Eltwise", [a, (4, 5)], eltwise_param={"operation": "PROD"})
    assert report.ok, report


@pytest.mark.parametrize(
    "p, expected",
    [
        ({}, lambda a, b, c: a + b + c),
        ({"coeff": [1, -2, 0.5]}, lambda a, b, c: a - 2 * b + 0.5 * c),
        ({"operation": "PROD"}, lambda a, b, c: a * b * c),
        ({"operation": "MAX"}, max),
    ],
)
def test_forward_is_the_formula(p, expected):
    bottoms = np.random.default_rng(0).normal(size=(3, 20))
    layer, bottom, top = build_layer("Eltwise", list(bottoms), eltwise_param=p)
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, [expected(*map(float, v)) for v in bottoms.T], rtol=1e-14)


def test_gradient_of_a_tie_goes_to_one_bottom():
    a, b, c = [1.0, 1, 2, 0], [1.0, 0, 1, 0], [1.0, 1, 2, 5]
    layer, bottom, top = build_layer("Eltwise", [np.array(v) for v in (a, b, c)], eltwise_param={"operation": "MAX"})
    layer.forward(bottom, top)
    top[0].diff[...] = [1, 2, 3, 4]
    layer.backward(top, [True] * 3, bottom)
    assert [b.diff.tolist() for b in bottom] == [[0, 2, 3, 0], [1, 0, 0, 0], [0, 0, 0, 4]]


VIEWS = [({}, "diff"), ({"coeff": [1, 1]}, "diff"), ({"coeff": [1, 2]}, ""), ({"operation": "MAX"}, "")]


@pytest.mark.parametrize("p, views", VIEWS)
def test_only_a_plain_sum_lets_diffs_be_one_buffer(p, views):
    layer, bottom, top = build_layer("Eltwise", [(2, 3)] * 2, eltwise_param=p)
    assert layer.views == views


def test_a_shared_diff_is_left_as_it_is():
    layer, bottom, top = build_layer("Eltwise", [(2, 3)] * 2)
    top[0].share_diff(bottom[0])
    top[0].diff[...] = 7
    layer.backward(top, [True, True], bottom)
    assert (bottom[0].diff == 7).all() and (bottom[1].diff == 7).all()


@pytest.mark.parametrize("case", ["elt_max", "elt_max_ties", "elt_prod", "elt_prod_unstable"])
def test_as_caffe(case):
    check_case(case)


def test_shapes_must_agree():
    with pytest.raises(ShapeError, match=r"\(Eltwise\): bottom 'bottom1' is \(2, 4\), expected \(2, 3\) as bottom 'bottom0'"):
        build_layer("Eltwise", [(2, 3), (2, 4)])


def test_number_of_coefficients():
    with pytest.raises(SpecError, match=r"coeff has 3 value\(s\), expected 2: one for each bottom"):
        build_layer("Eltwise", [(2, 3)] * 2, eltwise_param={"coeff": [1, 2, 3]})


def test_coefficients_belong_to_sums():
    with pytest.raises(SpecError, match="coeff is given for operation MAX, expected it for SUM only"):
        build_layer("Eltwise", [(2, 3)] * 2, eltwise_param={"coeff": [1, 2], "operation": "MAX"})
