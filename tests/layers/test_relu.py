import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-1, 1, 30).reshape(1, 2, 3, 5)], relu_param={"negative_slope": 0.1})


@pytest.mark.parametrize("slope", [0, 0.1, 2, -0.3])
def test_gradient(slope):
    report = check_layer("ReLU", [(1, 3, 5, 7)], relu_param={"negative_slope": slope})
    assert report.ok, report


@pytest.mark.parametrize("slope", [0, 0.2])
def test_gradient_in_place(slope):
    report = check_layer("ReLU", [(1, 3, 5)], in_place=True, relu_param={"negative_slope": slope})
    assert report.ok, report


@pytest.mark.parametrize("slope", [0, 0.25])
def test_forward_is_the_formula(slope):
    x = np.array([-2.0, -0.0, 0.0, 3.0, -np.inf, np.inf, np.nan])
    layer, bottom, top = build_layer("ReLU", [x], relu_param={"negative_slope": slope})
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data[:4], [-2 * slope, 0, 0, 3])
    np.testing.assert_array_equal(top[0].data[4:], [-np.inf if slope else 0, np.inf, np.nan])


def test_slope_at_zero_is_the_negative_one():
    layer, bottom, top = build_layer("ReLU", [np.zeros(3)], relu_param={"negative_slope": 0.25})
    layer.forward(bottom, top)
    top[0].diff[...] = [1, -2, 3]
    layer.backward(top, [True], bottom)
    np.testing.assert_array_equal(bottom[0].diff, [0.25, -0.5, 0.75])


@pytest.mark.parametrize("case", ["relu_leaky", "relu_neg_leak", "relu_inplace_leaky"])
def test_as_caffe(case):
    check_case(case)


def test_negative_slope_below_zero_cannot_work_in_place():
    with pytest.raises(SpecError, match=r"\(ReLU\): negative_slope is -0.5, expected at least 0 where top is bottom"):
        build_layer("ReLU", [(2, 3)], in_place=True, relu_param={"negative_slope": -0.5})


@pytest.mark.parametrize("engine", ["DEFAULT", "CAFFE", "CUDNN"])
def test_reads_the_engine_of_old_files(engine):
    layer, *_ = build_layer("ReLU", [(2, 3)], relu_param=dict(engine=engine))
    assert layer.relu_param.engine == engine
