import numpy as np
import pytest

from golden import check_case
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


def test_a_constant_has_no_gradient_even_where_the_base_is_zero():
    layer, bottom, top = build_layer("Power", [np.zeros((1, 2))], power_param={"power": 0})
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, [[1, 1]])
    top[0].diff[...] = 1
    layer.backward(top, [True], bottom)
    np.testing.assert_array_equal(bottom[0].diff, [[0, 0]])


@pytest.mark.parametrize("case", ["power", "power_default", "power_lin", "power_neg", "power_scale0"])
def test_as_caffe(case):
    check_case(case)


def test_as_caffe_where_caffe_gives_nan_at_zero():
    case, layers, blobs = check_case("power_cubic_shift0", skip=["x.diff"])
    bad = np.isnan(case.diff["x"])
    assert bad.any() and (blobs["x"].diff[bad] == 0).all()
    np.testing.assert_allclose(blobs["x"].diff[~bad], case.diff["x"][~bad], rtol=1e-9)
