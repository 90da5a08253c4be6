import numpy as np
import pytest

from golden import check_case
from pycaffe_geo.errors import SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

X = np.random.default_rng(0).normal(size=(2, 6, 5, 4))
EXAMPLE = dict(bottom=[X], lrn_param={"local_size": 3, "alpha": 0.5})


def normalise(x, size, alpha, beta, k, region):
    y, half = np.zeros_like(x), size // 2
    for n, c, i, j in np.ndindex(x.shape):
        if region == "ACROSS_CHANNELS":
            scale = k + alpha / size * (x[n, max(c - half, 0):c + half + 1, i, j] ** 2).sum()
        else:
            window = x[n, c, max(i - half, 0):i + half + 1, max(j - half, 0):j + half + 1]
            scale = 1 + alpha / size**2 * (window**2).sum()
        y[n, c, i, j] = x[n, c, i, j] * scale**-beta
    return y


@pytest.mark.parametrize("region", ["ACROSS_CHANNELS", "WITHIN_CHANNEL"])
@pytest.mark.parametrize("size, alpha, beta, k", [(5, 1e-4, 0.75, 1), (3, 0.7, 0.5, 2), (9, 0.5, 1.2, 1), (1, 1, 0.75, 1)])
def test_forward_is_the_definition_and_backward_its_derivative(region, size, alpha, beta, k):
    param = {"local_size": size, "alpha": alpha, "beta": beta, "k": k, "norm_region": region}
    layer, bottom, top = build_layer("LRN", [X], lrn_param=param)
    layer.forward(bottom, top)
    np.testing.assert_allclose(top[0].data, normalise(X, size, alpha, beta, k, region), rtol=1e-12)
    for x in (X, X[:1, :1]):
        report = check_layer("LRN", [x], lrn_param=param)
        assert report.ok, report


def test_an_even_size_is_refused():
    with pytest.raises(SpecError, match=r"layer 'layer' \(LRN\).*local_size is 4, expected an odd number"):
        build_layer("LRN", [X], lrn_param={"local_size": 4})


@pytest.mark.parametrize("case", ["lrn_across_alexnet", "lrn_across_size_gt_c", "lrn_within", "lrn_within_5"])
def test_as_caffe(case):
    check_case(case)
