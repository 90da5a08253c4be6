import numpy as np
import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer

EXAMPLE = dict(bottom=[np.linspace(-2, 2, 12).reshape(4, 3, 1, 1)], tops=3, bins_param={"bins": 5})


def labels(x, **parameters):
    layer, bottom, top = build_layer("Bins", [np.asarray(x, float)], tops=np.shape(x)[1], bins_param=parameters)
    layer.forward(bottom, top)
    return [blob.data.tolist() for blob in top]


def test_bins_are_numpys_digitize():
    x = np.random.default_rng(0).uniform(-1.5, 1.5, (50, 2))
    edges = np.linspace(-1, 1, 8)
    expected = np.digitize(x, edges).T
    assert labels(x, bins=7, outside=True) == expected.tolist()
    assert labels(x, bins=7) == (np.clip(expected, 1, 7) - 1).tolist()


def test_a_value_on_an_edge_belongs_to_the_bin_above():
    assert labels([[-3.5], [-2.5], [3.5], [4.0]], low=-3.5, high=3.5, bins=7) == [[0, 1, 6, 6]]


def test_every_channel_has_its_range():
    assert labels([[0.0, 0.0]], low=[-1, -3], high=[1, 1], bins=4) == [[2], [3]]


def test_gives_no_gradient():
    layer, _, _ = build_layer("Bins", **EXAMPLE)
    assert layer.no_gradient == (0,)


def test_ranges_that_do_not_fit():
    with pytest.raises(SpecError, match=r"\(Bins\): low has 2 values for 3 tops, expected 1 or 3"):
        build_layer("Bins", [(2, 3)], tops=3, bins_param={"low": [0, 1]})
    with pytest.raises(SpecError, match="expected low < high"):
        build_layer("Bins", [(2, 1)], bins_param={"low": 1})
