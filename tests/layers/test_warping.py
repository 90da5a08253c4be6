import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer
from pycaffe_geo.layers.warping import Warping, WarpingParam

RNG = np.random.default_rng(0)
PUBLISHED = {"gradient": "published"}


def example(batch=2, channels=3, height=5, width=7):
    """Return image, u and v that lead inside, across the border and outside, nowhere near an integer."""
    image = RNG.normal(size=(batch, channels, height, width))
    u, v = RNG.integers(-2, 2, (2, batch, 1, height, width)) + RNG.uniform(0.1, 0.9, (2, batch, 1, height, width))
    return [image, u, v]


EXAMPLE = dict(bottom=example())


@pytest.mark.parametrize("sizes", [(2, 3, 5, 7), (1, 1, 2, 2), (1, 2, 9, 3), (1, 1, 1, 4)])
def test_gradient(sizes):
    report = check_layer("Warping", example(*sizes))
    assert report.ok, report


@pytest.mark.parametrize("i", [0, 1, 2])
def test_gradient_of_one_bottom_alone(i):
    report = check_layer("Warping", example(), check_bottoms=[i])
    assert report.ok, report


def run(bottom, **warping_param):
    layer, bottom, top = build_layer("Warping", bottom, warping_param=warping_param)
    layer.forward(bottom, top)
    return layer, bottom, top


def plain(image, u, v):
    """The published forward, pixel by pixel."""
    out = np.zeros_like(image)
    _, _, height, width = image.shape
    for n, c, i, j in np.ndindex(image.shape):
        x, y = j + u[n, 0, i, j], i + v[n, 0, i, j]
        if not (np.isfinite(x) and np.isfinite(y)):
            continue
        left, above = int(np.floor(x)), int(np.floor(y))
        if left < 0 or above < 0 or left + 1 > width - 1 or above + 1 > height - 1:
            continue
        a, b = x - left, y - above
        square = image[n, c, above:above + 2, left:left + 2]
        out[n, c, i, j] = [1 - b, b] @ square @ [1 - a, a]
    return out


def test_forward_against_a_loop():
    bottom = example(3, 2, 8, 6)
    _, _, top = run(bottom)
    expected = plain(*bottom)
    np.testing.assert_allclose(top[0].data, expected, atol=1e-14)
    assert 0.1 < (expected == 0).mean() < 0.9


def test_on_the_border_and_far_outside():
    """Without flow the last row and column have a neighbour outside, and are 0."""
    image, u, v = example(1, 2, 5, 7)
    u[...] = v[...] = 0
    u[0, 0, 0, :5] = np.nan, np.inf, -np.inf, 1e30, -1e-12 - 4
    bottom = [image, u, v]
    _, _, top = run(bottom)
    np.testing.assert_array_equal(top[0].data, plain(image, u, v))
    np.testing.assert_array_equal(top[0].data[..., 1:-1, :-1], image[..., 1:-1, :-1])
    assert not top[0].data[..., -1].any() and not top[0].data[..., -1, :].any() and not top[0].data[..., 0, :5].any()


def test_no_gradient_from_a_pixel_that_is_outside():
    bottom = example()
    layer, bottom, top = run(bottom)
    outside = (plain(np.ones_like(bottom[0].data), bottom[1].data, bottom[2].data) == 0)[:, :1]
    top[0].diff[...] = outside
    layer.backward(top, [True] * 3, bottom)
    assert outside.any() and not any(b.diff.any() for b in bottom)


def test_right_hand_derivative_on_integers():
    image = np.arange(12.0).reshape(1, 1, 3, 4) ** 2
    flow = np.zeros((1, 1, 3, 4))
    layer, bottom, top = run([image, flow, flow])
    top[0].diff[...] = 1
    layer.backward(top, [True] * 3, bottom)
    np.testing.assert_array_equal(bottom[1].diff[0, 0, :2, :3], np.diff(image[0, 0], axis=1)[:2])
    np.testing.assert_array_equal(bottom[2].diff[0, 0, :2, :3], np.diff(image[0, 0], axis=0)[:, :3])


def test_published_gradient_against_a_loop():
    layer, bottom, top = run(example(), **PUBLISHED)
    top[0].diff[...] = RNG.normal(size=top[0].shape)
    layer.backward(top, [False, True, True], bottom)
    y, dy = top[0].data, top[0].diff
    for n, _, i, j in np.ndindex(bottom[1].shape):
        du = sum(dy[n, c, i, j] * (y[n, c, i, j + 1] - y[n, c, i, j - 1]) / 2 for c in range(3)) if 0 < j < 6 else 0
        dv = sum(dy[n, c, i, j] * (y[n, c, i + 1, j] - y[n, c, i - 1, j]) / 2 for c in range(3)) if 0 < i < 4 else 0
        assert bottom[1].diff[n, 0, i, j] == pytest.approx(du, abs=1e-13)
        assert bottom[2].diff[n, 0, i, j] == pytest.approx(dv, abs=1e-13)
    assert layer.no_gradient == (0,) and layer.uses_top == "values"


class Published(Warping):
    def setup(self, bottom, top):
        self.warping_param = WarpingParam(gradient="published")
        super().setup(bottom, top)


def test_as_the_original():
    check_case("warping", types={"Warping": Published})


def test_flow_of_another_size():
    with pytest.raises(ShapeError, match=r"bottom 'bottom2' is \(2, 1, 4, 7\), expected \(2, 1, 5, 7\)"):
        build_layer("Warping", [(2, 3, 5, 7), (2, 1, 5, 7), (2, 1, 4, 7)])


def test_an_unknown_gradient():
    with pytest.raises(SpecError, match="exact"):
        build_layer("Warping", example(), warping_param={"gradient": "exakt"})
