import math

import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(3, 6)])


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("shape, axis", [((3, 6), 1), ((2, 5, 3), -1), ((2, 5, 3, 2), 1), ((4, 3), 0), ((1, 1), 1)])
def test_gradient(shape, axis, in_place):
    x = np.random.default_rng(0).normal(size=shape)
    report = check_layer("Softmax", [x], in_place=in_place, softmax_param={"axis": axis})
    assert report.ok, report


@pytest.mark.parametrize("offset", [0, 1000, -1000])
def test_forward_is_the_formula(offset):
    x = np.random.default_rng(1).normal(size=(2, 3, 4))
    layer, bottom, top = build_layer("Softmax", [x + offset])
    layer.forward(bottom, top)
    expected = [[[math.exp(x[n, c, i]) / sum(map(math.exp, x[n, :, i])) for i in range(4)] for c in range(3)] for n in range(2)]
    np.testing.assert_allclose(top[0].data, expected, rtol=1e-11)


def test_in_place_gives_the_same():
    x = np.random.default_rng(1).normal(size=(2, 3, 4))
    results = []
    for in_place in (False, True):
        layer, bottom, top = build_layer("Softmax", [x], in_place=in_place)
        layer.forward(bottom, top)
        top[0].diff[...] = x**2
        layer.backward(top, [True], bottom)
        results.append((top[0].data, bottom[0].diff))
    np.testing.assert_array_equal(results[0], results[1])


def test_missing_axis():
    with pytest.raises(ShapeError, match=r"axis 2 does not exist in bottom 'bottom0' of shape \(3, 6\)"):
        build_layer("Softmax", [(3, 6)], softmax_param={"axis": 2})


@pytest.mark.parametrize("case", ["softmax_2d_large", "softmax_axis"])
def test_as_caffe(case):
    check_case(case)


@pytest.mark.parametrize("engine", ["DEFAULT", "CAFFE", "CUDNN"])
def test_reads_the_engine_of_old_files(engine):
    layer, *_ = build_layer("Softmax", [(2, 3)], softmax_param=dict(engine=engine))
    assert layer.softmax_param.engine == engine
