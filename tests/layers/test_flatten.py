import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0, 1, 30).reshape(1, 2, 3, 5)])


@pytest.mark.parametrize("p", [{}, {"axis": 2}, {"axis": -3, "end_axis": -2}, {"axis": 0, "end_axis": 0}])
def test_gradient(p):
    report = check_layer("Flatten", [(1, 2, 3, 5)], flatten_param=p)
    assert report.ok, report


@pytest.mark.parametrize(
    "p, shape", [({}, (2, 60)), ({"axis": 2}, (2, 3, 20)), ({"axis": -3, "end_axis": -2}, (2, 12, 5)), ({"axis": 0}, (120,))]
)
def test_shape_and_order(p, shape):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 5))
    layer, bottom, top = build_layer("Flatten", [x], flatten_param=p)
    layer.forward(bottom, top)
    assert top[0].shape == shape
    assert top[0].data.ravel().tolist() == [v for n in x.tolist() for c in n for row in c for v in row]


def test_as_caffe():
    check_case("flatten_axes")


def test_end_before_begin():
    with pytest.raises(SpecError, match=r"\(Flatten\): end_axis 1 comes before axis 2 \(bottom 'bottom0' is \(2, 3, 4\)\)"):
        build_layer("Flatten", [(2, 3, 4)], flatten_param={"axis": 2, "end_axis": 1})


def test_axis_must_exist():
    with pytest.raises(ShapeError, match=r"axis 3 does not exist in bottom 'bottom0' of shape \(2, 3, 4\)"):
        build_layer("Flatten", [(2, 3, 4)], flatten_param={"axis": 3})
