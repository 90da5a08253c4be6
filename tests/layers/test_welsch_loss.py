import math

import numpy as np
import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer
from robust_losses import A, B, BOTTOMS, WEIGHTS, run_loss, summed

EXAMPLE = dict(bottom=[A, B, WEIGHTS])


@pytest.mark.parametrize("bottom", BOTTOMS)
@pytest.mark.parametrize("parameters", [{}, {"c": 0.5}])
def test_gradient(bottom, parameters):
    report = check_layer("WelschLoss", bottom, welsch_loss_param=parameters)
    assert report.ok, report


def rho(r, c):
    return c * c / 2 * (1 - math.exp(-(r / c)**2))


def run(a, b, c=None):
    return run_loss("WelschLoss", a, b, welsch_loss_param={"c": c} if c else {})


@pytest.mark.parametrize("c", [None, 0.5, 20])
def test_forward_against_a_loop(c):
    assert run(A, B, c)[0] == pytest.approx(summed(rho, c or 2.9846), rel=1e-12)


def test_slope_at_the_scale():
    """At r = c, 0 and -c, where N is 1."""
    _, slope = run(np.array([[2.0, 0, -2]]), np.zeros((1, 3)), c=2)
    np.testing.assert_allclose(slope, [[2 * math.exp(-1), 0, -2 * math.exp(-1)]], atol=1e-15)


def test_no_difference_costs_more_than_half_the_square_of_c():
    loss, slope = run(np.full((1, 1), 1e8), np.zeros((1, 1)), c=2)
    assert loss == 2 and slope[0, 0] == 0


def test_c_of_0():
    with pytest.raises(SpecError, match="c is 0.0, expected more than 0"):
        build_layer("WelschLoss", [A, B], welsch_loss_param={"c": 0})
