import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(0, 1, 30).reshape(1, 2, 3, 5)], tops=2)


@pytest.mark.parametrize("tops", [1, 2, 3])
def test_gradient(tops):
    report = check_layer("Split", [(1, 3, 5)], tops=tops)
    assert report.ok, report


def test_every_top_is_the_bottom():
    x = np.random.default_rng(0).normal(size=(2, 3))
    layer, bottom, top = build_layer("Split", [x], tops=3)
    layer.forward(bottom, top)
    for t in top:
        np.testing.assert_array_equal(t.data, x)


def test_as_caffe():
    check_case("split_explicit")


def test_has_no_parameters():
    with pytest.raises(SpecError, match=r"layer 'layer' \(Split\): unknown key 'split_param'"):
        build_layer("Split", [(2, 3)], split_param={})
