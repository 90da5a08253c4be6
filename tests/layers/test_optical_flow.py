import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(2, 2, 3, 5)])


@pytest.mark.parametrize("shape", [(2, 2, 3, 5), (1, 2, 1, 1)])
def test_gradient(shape):
    report = check_layer("OpticalFlow", [shape])
    assert report.ok, report


def test_forward_against_a_loop():
    layer, bottom, top = build_layer("OpticalFlow", [(2, 2, 3, 5)])
    layer.forward(bottom, top)
    for n, v, u in np.ndindex(2, 3, 5):
        assert list(top[0].data[n, :, v, u]) == [u + bottom[0].data[n, 0, v, u], v + bottom[0].data[n, 1, v, u]]


def test_turns_the_flow_of_a_projection_into_its_coordinates():
    points = np.random.default_rng(0).uniform(0.5, 2, (2, 3, 4, 5))
    points[0, 2, 1, 1] = -1
    intrinsics = np.array([4.0, -4.0, 2.0, 1.5]).reshape(1, 4, 1, 1).repeat(2, axis=0)
    projection, bottom, projected = build_layer("PinholeProjection", [points, intrinsics], tops=2)
    projection.forward(bottom, projected)
    layer, bottom, top = build_layer("OpticalFlow", [projected[0].data])
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, projected[1].data, atol=1e-14)


def test_two_channels():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 3, 3, 5\), expected \(N, 2, H, W\)"):
        build_layer("OpticalFlow", [(2, 3, 3, 5)])
