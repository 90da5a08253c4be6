import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

TYPE = "SlantedPlaneDisparity"
EXAMPLE = dict(bottom=[(2, 3, 3, 5)])
ORIGINS = ["top_left", "center"]


def disparity(planes, origin="top_left"):
    layer, bottom, top = build_layer(TYPE, [planes], slanted_plane_disparity_param={"origin": origin})
    layer.forward(bottom, top)
    return bottom[0].data, top[0].data


@pytest.mark.parametrize("origin", ORIGINS)
@pytest.mark.parametrize("shape", [(2, 3, 3, 5), (1, 3, 1, 1)])
def test_gradient(shape, origin):
    report = check_layer(TYPE, [shape], slanted_plane_disparity_param={"origin": origin})
    assert report.ok, report


@pytest.mark.parametrize("origin", ORIGINS)
def test_forward_against_a_loop(origin):
    planes, got = disparity((2, 3, 3, 6), origin)
    x0, y0 = (2.5, 1) if origin == "center" else (0, 0)
    for n, v, u in np.ndindex(2, 3, 6):
        a, b, c = planes[n, :, v, u]
        np.testing.assert_allclose(got[n, 0, v, u], a * (u - x0) + b * (v - y0) + c, atol=1e-14)


def test_a_plane_in_space_has_a_plane_of_disparities():
    """The floor y = h: disparity f B / z, with z = f h / (v - cy), is B / h (v - cy)."""
    f, cy, h, baseline = 20.0, -3.0, 1.5, 0.6
    planes = np.zeros((1, 3, 4, 5))
    planes[:, 1:] = np.reshape([baseline / h, -baseline / h * cy], (2, 1, 1))
    depth = f * h / (np.arange(4.0) - cy)
    expected = np.broadcast_to((f * baseline / depth)[:, None], (4, 5))
    np.testing.assert_allclose(disparity(planes)[1][0, 0], expected, rtol=1e-14)


def test_three_channels():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 1, 3, 5\), expected \(N, 3, H, W\)"):
        disparity((2, 1, 3, 5))
