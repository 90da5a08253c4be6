import numpy as np

from pycaffe_geo.ops.scatter import add_rows


def test_is_the_loop():
    rng = np.random.default_rng(0)
    target, rows, index = rng.normal(size=(5, 3)), rng.normal(size=(20, 3)), rng.integers(0, 4, 20)
    expected = target.copy()
    for place, row in zip(index, rows):
        expected[place] += row
    add_rows(np, target, index, rows)
    np.testing.assert_allclose(target, expected, rtol=1e-12)


def test_no_rows():
    target = np.ones((5, 3))
    add_rows(np, target, np.zeros(0, np.int64), np.zeros((0, 3)))
    assert (target == 1).all()
