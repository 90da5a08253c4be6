import math

import numpy as np
import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
A, B = RNG.normal(scale=3, size=(2, 2, 3, 4, 5))
WEIGHTS = RNG.uniform(0.5, 2, (2, 1, 4, 5)) * RNG.integers(0, 2, (2, 1, 4, 5))

EXAMPLE = dict(bottom=[A, B, WEIGHTS])


@pytest.mark.parametrize("bottom", [[A, B], [A, B, WEIGHTS], [A, A], [A[:1, 0, 0], B[:1, 0, 0]]])
@pytest.mark.parametrize("parameters", [{}, {"c": 0.5}])
def test_gradient(bottom, parameters):
    report = check_layer("CauchyLoss", bottom, cauchy_loss_param=parameters)
    assert report.ok, report


def rho(r, c):
    return c * c / 2 * math.log(1 + (r / c)**2)


def run(a, b, c=None):
    layer, bottom, top = build_layer("CauchyLoss", [a, b], cauchy_loss_param={"c": c} if c else {})
    layer.forward(bottom, top)
    layer.backward(top, [True, True], bottom)
    return float(top[0].data), bottom[0].diff


@pytest.mark.parametrize("c", [None, 0.5, 20])
def test_forward_against_a_loop(c):
    expected = sum(rho(a - b, c or 2.3849) for a, b in zip(A.flat, B.flat)) / 2
    assert run(A, B, c)[0] == pytest.approx(expected, rel=1e-12)


def test_slope_at_the_scale():
    """At r = c, 0 and -c, where N is 1."""
    _, slope = run(np.array([[2.0, 0, -2]]), np.zeros((1, 3)), c=2)
    np.testing.assert_allclose(slope, [[1, 0, -1]], atol=1e-15)


def test_an_outlier_pulls_less_the_further_it_is():
    _, slope = run(np.array([[2.0, 20, 1e20]]), np.zeros((1, 3)), c=2)
    assert slope[0, 0] > slope[0, 1] > slope[0, 2] >= 0


def test_c_of_0():
    with pytest.raises(SpecError, match="c is 0.0, expected more than 0"):
        build_layer("CauchyLoss", [A, B], cauchy_loss_param={"c": 0})
