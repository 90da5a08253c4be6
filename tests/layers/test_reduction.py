import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-1, 1, 30).reshape(1, 2, 3, 5)], reduction_param={"operation": "ASUM", "axis": 1})
TERMS = {"SUM": lambda v: v, "ASUM": abs, "SUMSQ": lambda v: v * v, "MEAN": lambda v: v}


@pytest.mark.parametrize("operation", TERMS)
@pytest.mark.parametrize("axis, coeff", [(0, 1), (1, -2.5), (-1, 0.3)])
def test_gradient(operation, axis, coeff):
    report = check_layer("Reduction", [(3, 5, 7)], reduction_param={"operation": operation, "axis": axis, "coeff": coeff})
    assert report.ok, report


@pytest.mark.parametrize("operation", TERMS)
def test_forward_is_the_formula(operation):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    layer, bottom, top = build_layer("Reduction", [x], reduction_param={"operation": operation, "axis": 1, "coeff": 2})
    layer.forward(bottom, top)
    sums = [2 * sum(TERMS[operation](v) for row in rows for v in row) for rows in x.tolist()]
    np.testing.assert_allclose(top[0].data, np.array(sums) / (12 if operation == "MEAN" else 1), rtol=1e-13)


def test_shapes():
    shapes = [build_layer("Reduction", [(2, 3, 4)], reduction_param={"axis": a})[2][0].shape for a in (0, 1, 2)]
    assert shapes == [(), (2,), (2, 3)]


@pytest.mark.parametrize(
    "case",
    [
        "asum_all",
        "asum_axis1_coeff",
        "asum_neg1",
        "mean_all",
        "sum_axis1_coeff",
        "sum_neg1",
        "sumsq_all",
        "sumsq_axis1_coeff",
    ],
)
def test_as_caffe(case):
    check_case(f"reduction_{case}")


def test_axis_must_exist():
    with pytest.raises(ShapeError, match=r"\(Reduction\): axis 3 does not exist in bottom 'bottom0' of shape \(2, 3\)"):
        build_layer("Reduction", [(2, 3)], reduction_param={"axis": 3})
