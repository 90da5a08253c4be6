import numpy as np
import pytest

from pycaffe_geo.geometry import euler


@pytest.mark.parametrize("order", euler.ORDERS)
def test_matrix_is_the_product_in_that_order(order):
    angles = np.random.default_rng(0).normal(size=(3, 3))
    turns = {"x": [[1, 0, 0], [0, "c", "-s"], [0, "s", "c"]], "y": [["c", 0, "s"], [0, 1, 0], ["-s", 0, "c"]],
             "z": [["c", "-s", 0], ["s", "c", 0], [0, 0, 1]]}
    for row, R in zip(angles, euler.matrix(angles, order)):
        expected = np.eye(3)
        for axis in order:
            a = row["xyz".index(axis)]
            values = {"c": np.cos(a), "s": np.sin(a), "-s": -np.sin(a)}
            expected = expected @ [[values.get(entry, entry) for entry in line] for line in turns[axis]]
        np.testing.assert_allclose(R, expected, atol=1e-15)


def test_float32_is_kept():
    angles = np.random.default_rng(0).normal(size=(3, 3)).astype(np.float32)
    R = euler.matrix(angles)
    assert R.dtype == euler.matrix_backward(angles, R).dtype == np.float32
