import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.geometry import se3
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(2, 1, 4, 4), (2, 1, 4, 4)])


@pytest.mark.parametrize("batch", [1, 3])
def test_gradient(batch):
    report = check_layer("SE3Compose", [(batch, 1, 4, 4), (batch, 1, 4, 4)])
    assert report.ok, report


def test_moves_points_one_after_the_other():
    T_c_b, T_b_a = (se3.exp(np.random.default_rng(seed).normal(size=(3, 6))) for seed in (0, 1))
    layer, bottom, top = build_layer("SE3Compose", [T_c_b[:, None], T_b_a[:, None]])
    layer.forward(bottom, top)
    for second, first, both in zip(T_c_b, T_b_a, top[0].data[:, 0]):
        in_b = first[:3, :3] @ [1, 2, 3] + first[:3, 3]
        np.testing.assert_allclose(both @ [1, 2, 3, 1], [*(second[:3, :3] @ in_b + second[:3, 3]), 1], rtol=1e-13)


def test_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(3, 1, 4, 4\), expected \(2, 1, 4, 4\)"):
        build_layer("SE3Compose", [(2, 1, 4, 4), (3, 1, 4, 4)])
