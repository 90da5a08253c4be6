import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
DISPARITY = RNG.uniform(0.5, 3, (3, 1, 5, 7))
IMAGE = RNG.uniform(0, 255, (3, 3, 5, 7))

EXAMPLE = dict(bottom=[DISPARITY, IMAGE], smoothness_loss_param={"order": 2, "edge_weight": 0.01, "mean_normalize": True})


def run(bottom, **parameters):
    layer, bottom, top = build_layer("SmoothnessLoss", bottom, smoothness_loss_param=parameters)
    layer.forward(bottom, top)
    bottom[0].diff[...] = np.nan
    layer.backward(top, [True, False], bottom)
    return float(top[0].data), bottom[0].diff


@pytest.mark.parametrize("size", [np.s_[:], np.s_[:1, :, :1], np.s_[:1, :, :, :1], np.s_[:, :, :2, :2], np.s_[:1, :, :3, :3]])
@pytest.mark.parametrize("parameters", [{"order": 1}, {"order": 2}, {"order": 1, "edge_weight": 0.01},
                                        {"order": 2, "edge_weight": 0.01, "mean_normalize": True},
                                        {"order": 1, "mean_normalize": True}])
def test_gradient(size, parameters):
    report = check_layer("SmoothnessLoss", [DISPARITY[size], IMAGE[size]], smoothness_loss_param=parameters)
    assert report.ok, report


def second_differences(at, y, x, height, width):
    """Yield (name, value) of the second differences of the function `at` that start at row y, column x and fit into the map."""
    if x + 2 < width:
        yield "xx", at(y, x + 2) - 2 * at(y, x + 1) + at(y, x)
    if x + 1 < width and y + 1 < height:
        yield "xy", at(y + 1, x + 1) - at(y + 1, x) - at(y, x + 1) + at(y, x)
    if y + 2 < height:
        yield "yy", at(y + 2, x) - 2 * at(y + 1, x) + at(y, x)


def first_differences(at, y, x, height, width):
    if x + 1 < width:
        yield "x", at(y, x + 1) - at(y, x)
    if y + 1 < height:
        yield "y", at(y + 1, x) - at(y, x)


@pytest.mark.parametrize("order, differences", [(1, first_differences), (2, second_differences)])
@pytest.mark.parametrize("edge_weight", [0, 1 / 255])
@pytest.mark.parametrize("mean_normalize", [False, True])
def test_forward_against_a_loop(order, differences, edge_weight, mean_normalize):
    terms = {}
    for n, y, x in np.ndindex(3, 5, 7):
        size = sum(DISPARITY[n].flat) / 35 if mean_normalize else 1

        for name, value in differences(lambda i, j: DISPARITY[n, 0, i, j] / size, y, x, 5, 7):
            edge = sum(abs(dict(differences(lambda i, j: IMAGE[n, c, i, j], y, x, 5, 7))[name]) for c in range(3)) / 3
            terms.setdefault(name, []).append(math.exp(-edge_weight * edge) * abs(value))
    means = {name: sum(values) / len(values) for name, values in terms.items()}
    means["yx"] = means.get("xy", 0)
    loss, _ = run([DISPARITY, IMAGE], order=order, edge_weight=edge_weight, mean_normalize=mean_normalize)
    assert loss == pytest.approx(sum(means.values()), rel=1e-12)


def test_second_order_against_torch():
    torch = pytest.importorskip("torch")
    x = torch.tensor(DISPARITY, requires_grad=True)
    dx, dy = x.diff(dim=3), x.diff(dim=2)
    loss = sum(d.abs().mean() for d in (dx.diff(dim=3), dx.diff(dim=2), dy.diff(dim=3), dy.diff(dim=2)))
    loss.backward()
    value, gradient = run([DISPARITY], order=2)
    assert value == pytest.approx(loss.item(), rel=1e-12)
    np.testing.assert_allclose(gradient, x.grad.numpy(), atol=1e-15)


def test_a_plane_costs_nothing_in_second_order():
    y, x = np.mgrid[:5, :7].astype(float)
    assert run([(2 * x - 3 * y + 1)[None, None]], order=2)[0] == 0
    assert run([(2 * x - 3 * y + 1)[None, None]], order=1)[0] == 5


def test_mean_normalize_makes_the_size_cost_nothing():
    loss, gradient = run([DISPARITY], mean_normalize=True)
    assert run([5 * DISPARITY], mean_normalize=True)[0] == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose((gradient * DISPARITY).sum(axis=(1, 2, 3)), 0, atol=1e-15)


@pytest.mark.parametrize("order", [1, 2])
def test_constant_maps_teach_nothing(order):
    for value in (0, 2):
        loss, gradient = run([np.full((2, 1, 4, 5), float(value))], order=order, mean_normalize=True)
        assert loss == 0 and not gradient.any()


def test_an_edge_of_the_image_forgives_one_of_the_disparity():
    step = np.repeat([0.0, 1.0], 4)[None, None, None].repeat(4, axis=2)
    across, along = run([step, 255 * step], edge_weight=0.1)[0], run([step, 255 * step.T.reshape(1, 1, 4, 8)], edge_weight=0)[0]
    assert across < 1e-10 < along


def test_sizes_may_change():
    layer, bottom, top = build_layer("SmoothnessLoss", [DISPARITY])
    bottom[0].reshape(1, 1, 4, 3)
    layer.reshape(bottom, top)
    bottom[0].data[...] = DISPARITY[:1, :, :4, :3]
    layer.forward(bottom, top)
    assert top[0].data == run([DISPARITY[:1, :, :4, :3]])[0]


def test_an_image_of_another_size():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(3, 3, 5, 6\), expected \(3, C, 5, 7\)"):
        build_layer("SmoothnessLoss", [DISPARITY, IMAGE[..., 1:]])


@pytest.mark.parametrize("parameters, message", [({"edge_weight": -1}, "edge_weight is -1.0, expected at least 0"),
                                                 ({"order": 3}, "order: got '3', expected one of '1', '2'")])
def test_mistakes_in_the_parameters(parameters, message):
    with pytest.raises(SpecError, match=message):
        build_layer("SmoothnessLoss", [DISPARITY], smoothness_loss_param=parameters)


def test_edges_without_an_image():
    with pytest.raises(SpecError, match="edge_weight needs the image as second bottom, got the disparity alone"):
        build_layer("SmoothnessLoss", [DISPARITY], smoothness_loss_param={"edge_weight": 0.1})
