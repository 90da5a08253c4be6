import numpy as np
import pytest

from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.gradient_check import build_layer

SIZES = dict(batch_size=2, channels=3, height=4, width=5)


def arrays(n=4):
    return np.random.default_rng(0).normal(size=(n, 3, 4, 5)), np.arange(n)


EXAMPLE = dict(tops=2, memory_data_param=SIZES, prepare=lambda layer: layer.reset(*arrays()))


def build(phase="TEST", **transform):
    layer, _, top = build_layer("MemoryData", tops=2, phase=phase, memory_data_param=SIZES, transform_param=transform)
    return layer, top


def test_batches_follow_each_other_and_begin_again():
    layer, top = build()
    assert [t.shape for t in top] == [(2, 3, 4, 5), (2,)]
    data, labels = arrays(6)
    layer.reset(data, labels.reshape(6, 1, 1, 1))
    for first in (0, 2, 4, 0):
        layer.forward([], top)
        np.testing.assert_array_equal(top[0].data, data[first:first + 2])
        np.testing.assert_array_equal(top[1].data, labels[first:first + 2])
    layer.reset(-data, labels)
    layer.forward([], top)
    np.testing.assert_array_equal(top[0].data, -data[:2])


def test_arrays_are_not_copied():
    layer, top = build()
    data, labels = arrays()
    layer.reset(data, labels)
    data[...] = 7
    layer.forward([], top)
    assert (top[0].data == 7).all()


def test_arrays_are_not_transformed_but_pictures_are(caplog):
    layer, top = build(scale=0.5, crop_size=4, mean_value=3.0)
    with pytest.raises(ShapeError, match=r"got data \(2, 3, 4, 4\)"):
        layer.add_pictures(np.zeros((2, 6, 6, 3), np.uint8), [0, 1])
    layer.reset(*arrays())
    assert "transform_param does not change arrays" in caplog.text
    layer.forward([], top)
    np.testing.assert_array_equal(top[0].data, arrays()[0][:2])


def test_pictures_are_transformed():
    layer, top = build(scale=0.5, mean_value=3.0)
    pictures = np.random.default_rng(0).integers(256, size=(2, 4, 5, 3), dtype=np.uint8)
    layer.add_pictures(pictures, [4, 5])
    layer.forward([], top)
    np.testing.assert_array_equal(top[0].data, (pictures.transpose(0, 3, 1, 2) - 3.0) * 0.5)
    np.testing.assert_array_equal(top[1].data, [4, 5])


def test_what_does_not_fit():
    layer, top = build()
    with pytest.raises(DataError, match=r"^layer 'layer' \(MemoryData\): has no data yet; give it some with reset"):
        layer.forward([], top)
    for n in (0, 3):
        with pytest.raises(ShapeError, match=r"expected \(n, 3, 4, 5\) with n a multiple of batch_size 2"):
            layer.reset(*arrays(n))
    with pytest.raises(ShapeError, match=r"got labels \(5,\), expected one for each of 4 rows"):
        layer.reset(arrays()[0], np.zeros(5))
    with pytest.raises(Exception, match="height is 0, expected at least 1"):
        build_layer("MemoryData", tops=2, memory_data_param=dict(batch_size=2, channels=3))
