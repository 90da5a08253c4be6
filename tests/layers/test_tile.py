import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0, 1, 30).reshape(1, 6, 5)], tile_param={"tiles": 3})


@pytest.mark.parametrize("tiles", [1, 2, 3])
@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_gradient(axis, tiles):
    report = check_layer("Tile", [(1, 3, 5)], tile_param={"axis": axis, "tiles": tiles})
    assert report.ok, report


@pytest.mark.parametrize("axis", [0, 1, 2, -2])
def test_forward_repeats_the_bottom(axis):
    x = np.random.default_rng(0).normal(size=(2, 3, 4))
    layer, bottom, top = build_layer("Tile", [x], tile_param={"axis": axis, "tiles": 3})
    layer.forward(bottom, top)
    np.testing.assert_array_equal(top[0].data, np.concatenate([x, x, x], axis))


@pytest.mark.parametrize("case", ["tile_axis1", "tile_neg"])
def test_as_caffe(case):
    check_case(case)


@pytest.mark.parametrize("param, error, message", [
    ({"tiles": 0}, SpecError, "tiles is 0, expected at least 1"),
    ({}, SpecError, "'tiles' is missing"),
    ({"tiles": 2, "axis": 3}, ShapeError, r"axis 3 does not exist in bottom 'bottom0' of shape \(1, 2\)"),
])
def test_errors(param, error, message):
    with pytest.raises(error, match=message):
        build_layer("Tile", [(1, 2)], tile_param=param)
