import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

TYPE = "OverParameterisedFlow"
EXAMPLE = dict(bottom=[(2, 6, 3, 5)], over_parameterised_flow_param={"origin": "center"})


def flow(numbers, type_name=TYPE, **param):
    layer, bottom, top = build_layer(type_name, [numbers], over_parameterised_flow_param=param)
    layer.forward(bottom, top)
    return bottom[0].data, top[0].data


@pytest.mark.parametrize("around_identity", [False, True])
@pytest.mark.parametrize("origin", ["top_left", "center"])
@pytest.mark.parametrize("shape", [(2, 6, 3, 5), (1, 6, 1, 1)])
def test_gradient(shape, origin, around_identity):
    param = {"origin": origin, "around_identity": around_identity}
    report = check_layer(TYPE, [shape], over_parameterised_flow_param=param)
    assert report.ok, report


@pytest.mark.parametrize("around_identity", [False, True])
@pytest.mark.parametrize("origin", ["top_left", "center"])
def test_forward_against_a_loop(origin, around_identity):
    numbers, coords = flow((2, 6, 3, 6), origin=origin, around_identity=around_identity)
    x0, y0 = (2.5, 1) if origin == "center" else (0, 0)
    for n, v, u in np.ndindex(2, 3, 6):
        a = numbers[n, :, v, u] + around_identity * np.array([1, 0, 0, 0, 1, 0])
        x, y = u - x0, v - y0
        expected = a[0] * x + a[1] * y + a[2] + x0, a[3] * x + a[4] * y + a[5] + y0
        np.testing.assert_allclose(coords[n, :, v, u], expected, atol=1e-13)


@pytest.mark.parametrize("origin", ["top_left", "center"])
def test_one_motion_for_all_pixels_is_an_affine_grid(origin):
    A = np.random.default_rng(0).normal(size=(2, 1, 2, 3))
    numbers = np.broadcast_to(A.reshape(2, 6, 1, 1), (2, 6, 4, 5))
    layer, bottom, top = build_layer("AffineGrid", [A], affine_grid_param={"height": 4, "width": 5, "origin": origin})
    layer.forward(bottom, top)
    np.testing.assert_allclose(flow(numbers, origin=origin)[1], top[0].data, atol=1e-14)


def test_zero_around_the_identity_gives_the_pixels():
    v, u = np.mgrid[:3, :4]
    for origin in ("top_left", "center"):
        np.testing.assert_array_equal(flow(np.zeros((1, 6, 3, 4)), origin=origin, around_identity=True)[1], [[u, v]])


def test_other_spelling():
    np.testing.assert_array_equal(flow((1, 6, 3, 4), "OverParameterizedFlow")[1], flow((1, 6, 3, 4))[1])


def test_six_channels():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 5, 3, 5\), expected \(N, 6, H, W\)"):
        flow((2, 5, 3, 5))
