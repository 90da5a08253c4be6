import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

EXAMPLE = dict(bottom=[(2, 1, 2, 3), (1, 1, 3, 5)], affine_grid_param={"origin": "center"})
IDENTITY = np.array([[1.0, 0, 0], [0, 1, 0]]).reshape(1, 1, 2, 3)


def grid(bottom, **param):
    layer, bottom, top = build_layer("AffineGrid", bottom, affine_grid_param=param)
    layer.forward(bottom, top)
    return bottom[0].data, top[0].data


@pytest.mark.parametrize("origin", ["top_left", "center"])
@pytest.mark.parametrize("batch, height, width", [(2, 3, 5), (1, 1, 1), (3, 4, 2)])
def test_gradient(batch, height, width, origin):
    param = {"height": height, "width": width, "origin": origin}
    report = check_layer("AffineGrid", [(batch, 1, 2, 3)], affine_grid_param=param)
    assert report.ok, report


@pytest.mark.parametrize("origin", ["top_left", "center"])
def test_forward_against_a_loop(origin):
    transform, coords = grid([(2, 1, 2, 3), (5, 9, 3, 6)], origin=origin)
    x0, y0 = (2.5, 1) if origin == "center" else (0, 0)
    for n, v, u in np.ndindex(2, 3, 6):
        expected = transform[n, 0] @ [u - x0, v - y0, 1] + [x0, y0]
        np.testing.assert_allclose(coords[n, :, v, u], expected, atol=1e-14)


def test_against_torch():
    torch = pytest.importorskip("torch")
    transform, coords = grid([(2, 1, 2, 3)], height=4, width=7, origin="center")
    half = np.array([3.0, 1.5])  # torch's unit: half the image between the corner pixels' centres
    normalised = transform[:, 0].copy()
    normalised[:, :, :2] *= half[None, None] / half[None, :, None]
    normalised[:, :, 2] /= half
    expected = torch.nn.functional.affine_grid(torch.tensor(normalised), (2, 1, 4, 7), align_corners=True).numpy()
    np.testing.assert_allclose(coords.transpose(0, 2, 3, 1), (expected + 1) * half, atol=1e-13)


@pytest.mark.parametrize("origin", ["top_left", "center"])
def test_identity_gives_the_pixels(origin):
    v, u = np.mgrid[:4, :5]
    np.testing.assert_array_equal(grid([IDENTITY], height=4, width=5, origin=origin)[1], [[u, v]])


def test_takes_the_size_of_a_changed_reference():
    layer, bottom, top = build_layer("AffineGrid", [IDENTITY, (1, 1, 2, 2)])
    bottom[1].reshape(1, 3, 6, 4)
    layer.reshape(bottom, top)
    assert top[0].shape == (1, 2, 6, 4)


@pytest.mark.parametrize("bottom, param", [([IDENTITY], {}), ([IDENTITY, (1, 1, 2, 2)], {"height": 2, "width": 2})])
def test_needs_one_source_of_its_size(bottom, param):
    with pytest.raises(SpecError, match="expected height and width, or a last bottom of that size: one of the two"):
        grid(bottom, **param)


@pytest.mark.parametrize("param, message", [({"height": 2}, "got one of them"), ({"height": 0, "width": 2}, "are 0 and 2")])
def test_wrong_size(param, message):
    with pytest.raises(SpecError, match=message):
        grid([IDENTITY], **param)


def test_transform_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 1, 4, 4\), expected \(N, 1, 2, 3\)"):
        grid([(2, 1, 4, 4)], height=2, width=2)
