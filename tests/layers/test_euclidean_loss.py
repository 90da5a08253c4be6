import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
A, B = RNG.normal(size=(2, 3, 2, 4, 5))
WEIGHTS = RNG.uniform(0.5, 2, (3, 1, 4, 5)) * RNG.integers(0, 2, (3, 1, 4, 5))

EXAMPLE = dict(bottom=[A, B])


@pytest.mark.parametrize("bottom", [[A, B], [A, B, WEIGHTS], [A[:1, 0, 0], B[:1, 0, 0]]])
def test_gradient(bottom):
    report = check_layer("EuclideanLoss", bottom)
    assert report.ok, report


def test_forward_against_a_loop():
    layer, bottom, top = build_layer("EuclideanLoss", [A, B, WEIGHTS])
    layer.forward(bottom, top)
    total = sum(WEIGHTS[n, 0, y, x] * (A[n, c, y, x] - B[n, c, y, x]) ** 2 for n, c, y, x in np.ndindex(A.shape))
    assert top[0].data == pytest.approx(total / 6, rel=1e-12)


def test_bottoms_of_two_shapes():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(3, 4\), expected \(3, 5\)"):
        build_layer("EuclideanLoss", [(3, 5), (3, 4)])


def test_as_caffe():
    check_case("euclid")
