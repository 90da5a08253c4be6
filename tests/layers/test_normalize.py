import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

X = np.random.default_rng(0).normal(size=(2, 3, 5, 4))
FACTORS = {"type": "uniform", "min": 0.5, "max": 20}
EXAMPLE = dict(bottom=[X], norm_param={"across_spatial": False, "channel_shared": False, "scale_filler": FACTORS})


@pytest.mark.parametrize("in_place", [False, True])
@pytest.mark.parametrize("channel_shared", [False, True])
@pytest.mark.parametrize("across_spatial", [False, True])
def test_gradient(across_spatial, channel_shared, in_place):
    param = {"across_spatial": across_spatial, "channel_shared": channel_shared, "scale_filler": FACTORS}
    for x, eps in ((X, 1e-10), (X[:1, :, 0, 0], 1e-10), (X * 0.1, 0.3)):
        report = check_layer("Normalize", [x], in_place=in_place, norm_param={**param, "eps": eps})
        assert report.ok, report


@pytest.mark.parametrize("across_spatial", [False, True])
def test_forward_against_a_loop(across_spatial):
    param = {"across_spatial": across_spatial, "channel_shared": False, "scale_filler": FACTORS, "eps": 0.01}
    layer, bottom, top = build_layer("Normalize", [X], norm_param=param)
    layer.forward(bottom, top)
    for n, c, i, j in np.ndindex(X.shape):
        together = X[n].ravel() if across_spatial else X[n, :, i, j]
        expected = layer.blobs[0].data[c] * X[n, c, i, j] / math.sqrt(math.fsum(v * v for v in together) + 0.01)
        assert top[0].data[n, c, i, j] == pytest.approx(expected, rel=1e-13)


def test_against_torch():
    torch = pytest.importorskip("torch")
    layer, bottom, top = build_layer("Normalize", [X], norm_param={"across_spatial": False, "scale_filler": {"value": 20}})
    layer.forward(bottom, top)
    top[0].diff[...] = np.cos(X)
    layer.backward(top, [True], bottom)
    x = torch.tensor(X, requires_grad=True)
    y = 20 * torch.nn.functional.normalize(x, dim=1)
    y.backward(torch.tensor(np.cos(X)))
    np.testing.assert_allclose(top[0].data, y.detach().numpy(), rtol=1e-8)
    np.testing.assert_allclose(bottom[0].diff, x.grad.numpy(), atol=1e-7)
    assert layer.blobs[0].shape == ()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("across_spatial", [False, True])
def test_zeros_stay_0_with_a_finite_gradient(across_spatial, dtype):
    param = {"across_spatial": across_spatial}
    layer, bottom, top = build_layer("Normalize", [np.zeros((1, 2, 3))], dtype=dtype, norm_param=param)
    layer.forward(bottom, top)
    top[0].diff[...] = 1
    layer.backward(top, [True], bottom)
    assert not top[0].data.any()
    np.testing.assert_allclose(bottom[0].diff, 1e5, rtol=1e-6)


def test_a_factor_that_does_not_learn():
    layer, bottom, top = build_layer("Normalize", [X])
    layer.param_propagate_down = [False]
    layer.forward(bottom, top)
    top[0].diff[...] = X
    layer.backward(top, [True], bottom)
    assert layer.blobs[0].diff == 0 and np.isfinite(bottom[0].diff).all()


def test_the_number_of_channels_may_not_change_where_each_has_a_factor():
    layer, bottom, top = build_layer("Normalize", [X], norm_param={"channel_shared": False})
    bottom[0].reshape(2, 4, 5, 4)
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(2, 4, 5, 4\), expected \(N, 3, ...\)"):
        layer.reshape(bottom, top)


def test_eps_must_be_positive():
    with pytest.raises(SpecError, match="eps is 0.0, expected more than 0"):
        build_layer("Normalize", [X], norm_param={"eps": 0})
