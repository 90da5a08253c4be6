import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

INDEX = np.array([2.0, 0, 2, 2, 1])
EXAMPLE = dict(bottom=[np.linspace(0, 1, 30).reshape(3, 2, 5), INDEX])


@pytest.mark.parametrize("shape", [(3, 2, 5), (4,), (3, 1, 3, 3)])
def test_gradient(shape):
    report = check_layer("BatchReindex", [np.random.default_rng(0).normal(size=shape), INDEX])
    assert report.ok, report


def test_forward_picks_samples():
    x = np.arange(6.0).reshape(3, 2)
    layer, bottom, top = build_layer("BatchReindex", [x, INDEX])
    layer.forward(bottom, top)
    assert top[0].data.tolist() == [[4, 5], [0, 1], [4, 5], [4, 5], [2, 3]]


def test_no_index_gives_no_samples_and_no_gradient():
    layer, bottom, top = build_layer("BatchReindex", [np.ones((3, 2)), np.zeros(0)])
    layer.forward(bottom, top)
    assert top[0].shape == (0, 2)
    layer.backward(top, [True, False], bottom)
    assert not bottom[0].diff.any()


def test_as_caffe():
    """Nothing needs a gradient in this net: real Caffe ran no backward and the diffs recorded are those of new memory."""
    check_case("batch_reindex", skip=["xx.diff", "y.diff", "yw.diff"])


@pytest.mark.parametrize("value", [3, -1, 0.5])
def test_places_outside(value):
    layer, bottom, top = build_layer("BatchReindex", [(3, 2), np.array([0.0, value])])
    with pytest.raises(DataError, match=rf"\(BatchReindex\): bottom 'bottom1' holds {value}, expected whole numbers 0 to 2"):
        layer.forward(bottom, top)


def test_index_has_one_axis():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 1\), expected \(M,\)"):
        build_layer("BatchReindex", [(3, 2), (2, 1)])
