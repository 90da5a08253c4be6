import numpy as np
import pytest

from pycaffe_geo.ops.differences import add_adjoint, differences

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("axes", [(3,), (2,), (3, 3), (3, 2), (2, 3), (2, 2, 3)])
@pytest.mark.parametrize("shape", [(2, 3, 4, 5), (1, 1, 3, 3), (1, 2, 2, 1)])
def test_against_numpy_and_the_adjoint_by_its_definition(axes, shape):
    x, out = RNG.normal(size=shape), np.ones(shape)
    expected = x
    for axis in axes:
        expected = np.diff(expected, axis=axis)
    got = differences(x, axes)
    np.testing.assert_array_equal(got, expected)
    slope = RNG.normal(size=got.shape)
    add_adjoint(np, slope, axes, out)
    assert np.vdot(x, out - 1) == pytest.approx(np.vdot(got, slope), abs=1e-12)
