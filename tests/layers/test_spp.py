import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

X = np.random.default_rng(0).permutation(2 * 3 * 9 * 7).reshape(2, 3, 9, 7) / 10.0
EXAMPLE = dict(bottom=[X], spp_param={"pyramid_height": 2})


@pytest.mark.parametrize("pool", ["MAX", "AVE"])
@pytest.mark.parametrize("height", [1, 2, 3])
def test_gradient(height, pool):
    report = check_layer("SPP", [X[:1]], spp_param={"pyramid_height": height, "pool": pool})
    assert report.ok, report


def test_forward_is_the_maxima_of_the_bins():
    x = X[:, :, :8, :4]
    layer, bottom, top = build_layer("SPP", [x], spp_param={"pyramid_height": 3})
    layer.forward(bottom, top)
    levels = []
    for bins in (1, 2, 4):
        h, w = 8 // bins, 4 // bins
        levels.append(x.reshape(2, 3, bins, h, bins, w).max(axis=(3, 5)).reshape(2, -1))
    np.testing.assert_array_equal(top[0].data, np.concatenate(levels, axis=1))


def test_any_size_gives_one_length():
    for size in ((16, 7), (7, 12), (9, 9)):
        layer, bottom, top = build_layer("SPP", [(2, 3, *size)], spp_param={"pyramid_height": 3})
        assert top[0].shape == (2, 3 * 21)


@pytest.mark.parametrize("case", ["spp_h1", "spp_max_h3"])
def test_as_caffe(case):
    check_case(case)


def test_errors():
    with pytest.raises(SpecError, match="pyramid_height is 0, expected 1 to 16"):
        build_layer("SPP", [X], spp_param={"pyramid_height": 0})
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(1, 1, 9, 3\), too small to be cut into 4 x 4 bins"):
        build_layer("SPP", [(1, 1, 9, 3)], spp_param={"pyramid_height": 3})
