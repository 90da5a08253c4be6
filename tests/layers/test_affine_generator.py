import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(3, 6)], affine_generator_param={"around_identity": True})


@pytest.mark.parametrize("around_identity", [False, True])
@pytest.mark.parametrize("shape", [(2, 6), (1, 6, 1, 1)])
def test_gradient(shape, around_identity):
    report = check_layer("AffineGenerator", [shape], affine_generator_param={"around_identity": around_identity})
    assert report.ok, report


@pytest.mark.parametrize("around_identity, expected", [(False, [[0, 1, 2], [3, 4, 5]]), (True, [[1, 1, 2], [3, 5, 5]])])
def test_six_numbers_are_the_rows(around_identity, expected):
    layer, bottom, top = build_layer(
        "AffineGenerator", [np.arange(6.0)[None]], affine_generator_param={"around_identity": around_identity}
    )
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [[expected]]


def test_count_of_numbers():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 4\), expected \(N, 6\) or \(N, 6, 1, 1\)"):
        build_layer("AffineGenerator", [(2, 4)])
