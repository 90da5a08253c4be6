import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

SHAPE = (2, 3, 4, 5)
EXAMPLE = dict(bottom=[SHAPE], permute_param={"order": [0, 2, 3, 1]})


@pytest.mark.parametrize("order, full", [((0, 2, 3, 1), (0, 2, 3, 1)), ((), (0, 1, 2, 3)), ((3,), (3, 0, 1, 2)),
                                         ((2, 0), (2, 0, 1, 3)), ((3, 2, 1, 0), (3, 2, 1, 0)), ((1, 2, 3, 0), (1, 2, 3, 0))])
def test_forward_moves_every_element(order, full):
    layer, bottom, top = build_layer("Permute", [SHAPE], permute_param={"order": list(order)})
    layer.forward(bottom, top)
    assert top[0].shape == tuple(SHAPE[axis] for axis in full)
    for index in np.ndindex(SHAPE):
        assert top[0].data[tuple(index[axis] for axis in full)] == bottom[0].data[index]


@pytest.mark.parametrize("shape, order", [(SHAPE, [0, 2, 3, 1]), (SHAPE, [3, 1]), ((1, 1, 3), [2, 0, 1]), ((4,), [])])
def test_gradient(shape, order):
    report = check_layer("Permute", [shape], permute_param={"order": order})
    assert report.ok, report


def test_an_axis_that_is_not_there():
    with pytest.raises(ShapeError, match=r"order \[0, 4\] names an axis that bottom 'bottom0' \(2, 3, 4, 5\) has not"):
        build_layer("Permute", [SHAPE], permute_param={"order": [0, 4]})


@pytest.mark.parametrize("order", [[0, 1, 0], [0, -1]])
def test_an_order_that_is_none(order):
    with pytest.raises(SpecError, match="expected different axes, counted from 0"):
        build_layer("Permute", [SHAPE], permute_param={"order": order})
