"""The products of a GPU's array module against NumPy's."""

import numpy as np
import pytest

from pycaffe_geo.recordable import recordable


def multiply(left, right, out):
    assert left.dtype == right.dtype == out.dtype
    np.matmul(left, right, out=out)


xp = recordable(np, multiply)
DRAWS = np.random.default_rng(0)


@pytest.mark.parametrize("subscripts, shapes", [
    ("ni,ni->n", [(3, 4), (3, 4)]), ("odi,odi->od", [(2, 3, 4), (2, 3, 4)]), ("nchw,nchw->nhw", [(2, 3, 4, 5)] * 2),
    ("oki,oik->", [(2, 3, 4), (2, 4, 3)]), ("ncs,c->scn", [(2, 3, 4), (3,)]), ("ij->ji", [(2, 3)]), ("a,b->ab", [(2,), (3,)]),
])
def test_einsum(subscripts, shapes):
    arrays = [DRAWS.normal(size=shape) for shape in shapes]
    np.testing.assert_allclose(xp.einsum(subscripts, *arrays), np.einsum(subscripts, *arrays), rtol=1e-12)


@pytest.mark.parametrize("count", [1, 8, 9, 70])
def test_concatenate(count):
    arrays = [DRAWS.normal(size=(2, i % 3, 2)) for i in range(1, count + 1)]
    out = np.empty((2, sum(a.shape[1] for a in arrays), 2))
    assert xp.concatenate(arrays, 1, out=out) is out
    np.testing.assert_array_equal(out, np.concatenate(arrays, 1))
    np.testing.assert_array_equal(xp.concatenate(arrays, axis=1), out)


def test_vdot():
    a, b = DRAWS.normal(size=(2, 3, 4)), DRAWS.normal(size=(2, 3, 4))
    np.testing.assert_allclose(xp.vdot(a, b), np.vdot(a, b))


def test_matmul():
    a, b = DRAWS.normal(size=(5, 3, 4)), DRAWS.normal(size=(2, 1, 4, 8))[..., ::2]
    out = np.empty((2, 5, 3, 4))
    assert xp.matmul(a, b, out=out) is out
    np.testing.assert_allclose(out, np.matmul(a, b))
    np.testing.assert_allclose(xp.matmul(a, b), np.matmul(a, b))
    assert xp.matmul(a.astype("float32"), b).dtype == "float64"


def test_the_module_is_otherwise_as_it_was():
    assert xp.exp is np.exp and xp.linalg is np.linalg and np.matmul is not xp.matmul
