import numpy as np
import pytest

from pycaffe_geo.blob import Blob
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[np.linspace(-1, 1, 12).reshape(1, 2, 2, 3)])
SCALE = 4096.0


def cast(source, target, values, dy):
    """Return (y, dx) of a Cast between blobs of two dtypes."""
    layer, bottom, top = build_layer("Cast", [values.shape], dtype=target)
    bottom, top = ([Blob(values.shape, dtype)] for dtype in (source, target))
    layer.loss_scale = SCALE
    bottom[0].data[...], top[0].diff[...] = values, dy
    layer.forward(bottom, top)
    layer.backward(top, [True], bottom)
    return top[0].data, bottom[0].diff


def test_gradient():
    report = check_layer("Cast", [(2, 3, 5)])
    assert report.ok, report


def test_diffs_of_float16_are_scaled():
    x, dy = np.array([1.0, 1 + 2**-12, -1e-3, 7e4]), np.array([1e-8, 0.5, -3e-9, 100.0])
    y, dx = cast("float16", "float32", x[:3], dy[:3])
    np.testing.assert_array_equal(y, np.float16(x[:3]).astype("float32"))
    np.testing.assert_array_equal(dx, np.float16(np.float32(dy[:3]) * np.float32(SCALE)))
    assert dx.dtype == np.float16 and (dx != 0).all()
    y, dx = cast("float32", "float16", x, dy)
    np.testing.assert_array_equal(y, [1, 1, np.float16(-1e-3), np.inf])
    np.testing.assert_array_equal(dx, np.float16(dy).astype("float32") / np.float32(SCALE))
    assert dx[1] == 0.5 / SCALE


def test_diffs_of_one_precision_are_not():
    x = np.linspace(-2, 2, 5)
    for dtype in ("float32", "float64", "float16"):
        y, dx = cast(dtype, dtype, x, x)
        np.testing.assert_array_equal(y, x.astype(dtype))
        np.testing.assert_array_equal(dx, x.astype(dtype))


def test_has_no_parameters():
    with pytest.raises(SpecError, match=r"layer 'layer' \(Cast\): unknown key 'cast_param'"):
        build_layer("Cast", [(2, 3)], cast_param={"dtype": "float16"})
