import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)


def example(batch=2, channels=3, height=5, width=7, out=(4, 6)):
    """Return an image and coordinates inside, at the border of and outside it, none near an integer."""
    image = RNG.normal(size=(batch, channels, height, width))
    cells = RNG.integers([[[[-3]], [[-3]]]], [[[[width + 3]], [[height + 3]]]], (batch, 2, *out))
    return [image, cells + RNG.uniform(0.1, 0.9, cells.shape)]


EXAMPLE = dict(bottom=example(), tops=2)


@pytest.mark.parametrize("sizes", [(2, 3, 5, 7), (1, 1, 4, 6), (1, 2, 1, 1), (3, 1, 2, 9)])
@pytest.mark.parametrize("tops", [1, 2])
def test_gradient(sizes, tops):
    report = check_layer("InverseWarping", example(*sizes), tops=tops)
    assert report.ok, report


@pytest.mark.parametrize("i", [0, 1])
def test_gradient_of_one_bottom_alone(i):
    report = check_layer("InverseWarping", example(), check_bottoms=[i])
    assert report.ok, report


def sample(image, x, y):
    """Bilinear sample of `image` (H, W) at (x, y), neighbours outside 0, by adding up the four neighbours."""
    total = 0.0
    for j in range(image.shape[0]):
        for i in range(image.shape[1]):
            total += image[j, i] * max(0, 1 - abs(x - i)) * max(0, 1 - abs(y - j))
    return total


BORDER = [(0, 0), (6, 4), (6, 0.5), (2.5, 4), (-0.5, 2), (6.5, 4.5), (-1, 2), (7, 2), (-2, -2), (3, 1), (1e6, 0), (-1e9, 1e9)]


def test_forward_on_the_border_and_outside():
    image = example()[0][:1]
    coords = np.array(BORDER, float).T.reshape(1, 2, 3, 4)
    layer, bottom, top = build_layer("InverseWarping", [image, coords], tops=2)
    layer.forward(bottom, top)
    for k, (x, y) in enumerate(BORDER):
        for c in range(3):
            assert top[0].data[0, c].flat[k] == pytest.approx(sample(image[0, c], x, y), abs=1e-14)
        assert top[1].data[0, 0].flat[k] == (0 <= x <= 6 and 0 <= y <= 4)


def test_coordinates_without_a_value_give_0_and_no_gradient():
    image, coords = example()
    coords[0, 0, 0, :3] = np.nan, np.inf, -np.inf
    layer, bottom, top = build_layer("InverseWarping", [image, coords], tops=2)
    layer.forward(bottom, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, True], bottom)
    assert not top[0].data[0, :, 0, :3].any() and not top[1].data[0, 0, 0, :3].any()
    assert not bottom[1].diff[0, :, 0, :3].any() and np.isfinite(bottom[0].diff).all()


def test_against_torch():
    torch = pytest.importorskip("torch")
    image, coords = example(out=(5, 7))
    layer, bottom, top = build_layer("InverseWarping", [image, coords])
    layer.forward(bottom, top)
    top[0].diff[...] = RNG.normal(size=top[0].shape)
    layer.backward(top, [True, True], bottom)

    image, coords = (torch.tensor(a, requires_grad=True) for a in (image, coords))
    size = torch.tensor([7, 5], dtype=torch.float64).reshape(1, 2, 1, 1)
    grid = (2 * coords / (size - 1) - 1).permute(0, 2, 3, 1)
    out = torch.nn.functional.grid_sample(image, grid, mode="bilinear", padding_mode="zeros", align_corners=True)
    out.backward(torch.tensor(top[0].diff))
    for ours, theirs in ((top[0].data, out.detach()), (bottom[0].diff, image.grad), (bottom[1].diff, coords.grad)):
        np.testing.assert_allclose(ours, theirs.numpy(), atol=1e-12)


def test_a_border_that_goes_on():
    """Against samples of an image that np.pad continues; beyond the border the slope is 0."""
    image = example()[0]
    x, y = np.meshgrid([-3.25, -0.5, 0, 0.25, 5.75, 6, 6.5, 9.25], [-2.5, 0, 1.5, 3.75, 4, 4.25])
    coords = np.broadcast_to(np.stack([x, y]), (2, 2, *x.shape))
    layer, bottom, top = build_layer("InverseWarping", [image, coords], tops=2, inverse_warping_param={"padding": "border"})
    layer.forward(bottom, top)
    top[0].diff[...] = 1
    layer.backward(top, [True, True], bottom)
    wide = np.pad(image, [(0, 0), (0, 0), (5, 5), (5, 5)], mode="edge")
    for (i, j), _ in np.ndenumerate(x):
        for n, c in np.ndindex(2, 3):
            assert top[0].data[n, c, i, j] == pytest.approx(sample(wide[n, c], x[i, j] + 5, y[i, j] + 5), abs=1e-13)
        assert top[1].data[0, 0, i, j] == (0 <= x[i, j] <= 6 and 0 <= y[i, j] <= 4)
    slopes = bottom[1].diff
    assert not slopes[:, 0, :, [0, 1, 5, 6, 7]].any() and slopes[:, 0, :, [2, 3, 4]].all()
    assert not slopes[:, 1, [0, 4, 5]].any() and slopes[:, 1, [1, 2, 3]].all()


@pytest.mark.parametrize("sizes", [(2, 3, 5, 7), (1, 2, 1, 1)])
def test_gradient_with_a_border(sizes):
    report = check_layer("InverseWarping", example(*sizes), inverse_warping_param={"padding": "border"})
    assert report.ok, report


def test_sizes_may_change():
    layer, bottom, top = build_layer("InverseWarping", example())
    image, coords = example(1, 2, 6, 3, out=(2, 2))
    for blob, value in zip(bottom, (image, coords)):
        blob.reshape(*value.shape)
        blob.data[...] = value
    layer.reshape(bottom, top)
    layer.forward(bottom, top)
    expected = [[sample(plane, *coords[0, :, v, u]) for v in (0, 1) for u in (0, 1)] for plane in image[0]]
    np.testing.assert_allclose(top[0].data.reshape(2, 4), expected, atol=1e-14)


def test_coordinates_of_the_wrong_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(2, 3, 4, 4\), expected \(2, 2, H, W\)"):
        build_layer("InverseWarping", [(2, 3, 4, 4), (2, 3, 4, 4)])


def test_as_the_original():
    check_case("inverse_warping")
