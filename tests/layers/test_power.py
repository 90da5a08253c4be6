import numpy as np
import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0.5, 2, 24).reshape(2, 3, 4)], power_param={"power": 2.5, "scale": 2, "shift": 0.5})


@pytest.mark.parametrize("power", [0, 1, 2, 2.5, -1])
def test_gradient(power):
    x = np.random.default_rng(0).uniform(0.5, 2, (2, 3, 4))
    report = check_layer("Power", [x], power_param={"power": power, "scale": 0.7, "shift": 1.5})
    assert report.ok, report


@pytest.mark.parametrize("power", [0, 1, 3, 2.5])
def test_forward_is_the_formula(power):
    x = np.random.default_rng(1).uniform(0, 2, (2, 3))
    layer, bottom, top = build_layer("Power", [x], power_param={"power": power, "scale": 2, "shift": 0.1})
    layer.forward(bottom, top)
    expected = [[(0.1 + 2 * float(v)) ** power for v in row] for row in x]
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-14)


def test_gradient_of_a_square_at_zero():
    report = check_layer("Power", [np.zeros((1, 2))], power_param={"power": 2})
    assert report.ok, report


def test_unknown_parameter():
    with pytest.raises(SpecError, match=r"layer 'layer' \(Power\): power_param.*unknown key 'scal', did you mean 'scale'\?"):
        build_layer("Power", [(2, 3)], power_param={"scal": 2})
