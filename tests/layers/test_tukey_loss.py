import numpy as np
import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer
from robust_losses import A, B, BOTTOMS, WEIGHTS, run_loss, summed

EXAMPLE = dict(bottom=[A, B, WEIGHTS])


@pytest.mark.parametrize("bottom", BOTTOMS)
@pytest.mark.parametrize("parameters", [{}, {"c": 0.5}])
def test_gradient(bottom, parameters):
    report = check_layer("TukeyLoss", bottom, tukey_loss_param=parameters)
    assert report.ok, report


def rho(r, c):
    return c * c / 6 * (1 - (1 - (r / c)**2)**3) if abs(r) <= c else c * c / 6


def run(a, b, c=None):
    return run_loss("TukeyLoss", a, b, tukey_loss_param={"c": c} if c else {})


@pytest.mark.parametrize("c", [None, 0.5, 20])
def test_forward_against_a_loop(c):
    assert run(A, B, c)[0] == pytest.approx(summed(rho, c or 4.6851), rel=1e-12)


def test_slope_at_the_scale():
    """At r = c, 0 and -c, where N is 1."""
    _, slope = run(np.array([[2.0, 0, -2]]), np.zeros((1, 3)), c=2)
    np.testing.assert_allclose(slope, [[0, 0, -0]], atol=1e-15)


def test_an_outlier_teaches_nothing():
    loss, slope = run(np.full((1, 1), 1e8), np.zeros((1, 1)), c=3)
    assert loss == 1.5 and slope[0, 0] == 0


def test_c_of_0():
    with pytest.raises(SpecError, match="c is 0.0, expected more than 0"):
        build_layer("TukeyLoss", [A, B], tukey_loss_param={"c": 0})
