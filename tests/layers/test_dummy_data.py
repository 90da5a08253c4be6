import numpy as np
import pytest

from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer

EXAMPLE = dict(tops=2, dummy_data_param={"data_filler": [{"value": 2.5}, "gaussian"], "shape": [{"dim": [2, 3]}, {"dim": 4}]})


def build(tops=1, seed=0, **param):
    layer, bottom, top = build_layer("DummyData", tops=tops, seed=seed, dummy_data_param=param)
    return layer, top


def test_constants_as_caffe():
    """Values and shapes of Caffe's recorded case dummy_data."""
    layer, top = build(tops=2, data_filler={"type": "constant", "value": 2.5}, shape=[{"dim": [2, 3]}, {"dim": 4}])
    for _ in range(3):
        layer.forward([], top)
        np.testing.assert_array_equal(top[0].data, np.full((2, 3), 2.5))
        np.testing.assert_array_equal(top[1].data, np.full(4, 2.5))


def test_zero_without_a_filler_and_old_shapes():
    layer, top = build(tops=2, num=2, channels=[3, 1], height=4, width=5)
    layer.forward([], top)
    assert [t.shape for t in top] == [(2, 3, 4, 5), (2, 1, 4, 5)]
    assert not top[0].data.any()


def test_constants_are_filled_once():
    layer, top = build(shape={"dim": 3})
    top[0].data[...] = 7
    layer.forward([], top)
    np.testing.assert_array_equal(top[0].data, [7, 7, 7])


def test_random_values_are_drawn_anew_and_depend_on_seed_and_position_alone():
    def batches(seed, position=0):
        layer, top = build(seed=seed, data_filler={"type": "uniform", "min": 2, "max": 3}, shape={"dim": [50]})
        layer.position = position
        result = []
        for _ in range(3 - position):
            layer.forward([], top)
            result.append(top[0].data.copy())
        return result

    first = batches(0)
    assert all(b.min() >= 2 and b.max() <= 3 for b in first)
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], batches(1)[0])
    np.testing.assert_array_equal(batches(0, position=2)[0], first[2])


def test_tops_differ():
    layer, top = build(tops=2, data_filler="gaussian", shape={"dim": 20})
    layer.forward([], top)
    assert not np.array_equal(top[0].data, top[1].data)


def test_number_of_fillers():
    with pytest.raises(SpecError, match=r"\(DummyData\): dummy_data_param has 2 data_filler for 3 tops, expected 1 or 3"):
        build(tops=3, data_filler=["xavier", "msra"], shape={"dim": 3})


def test_no_shape():
    with pytest.raises(SpecError, match="dummy_data_param has 0 num for 1 tops, expected 1"):
        build()


def test_two_ways_to_give_the_shape():
    with pytest.raises(SpecError, match="both shape and num, channels, height or width are given"):
        build(shape={"dim": 3}, num=2)
