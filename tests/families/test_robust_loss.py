"""What all M-estimators share, on each of them."""

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError
from pycaffe_geo.gradient_check import build_layer
from pycaffe_geo.net import Net
from pycaffe_geo.spec import load_net

TYPES = ["HuberLoss", "CauchyLoss", "GemanMcClureLoss", "TukeyLoss", "WelschLoss"]
RNG = np.random.default_rng(0)
A, B = RNG.normal(scale=3, size=(2, 2, 3, 4, 5))
WEIGHTS = RNG.uniform(0.5, 2, (2, 1, 4, 5)) * RNG.integers(0, 2, (2, 1, 4, 5))

pytestmark = pytest.mark.parametrize("type_name", TYPES)


def run(type_name, bottom, dtype="float64", **loss_param):
    layer, bottom, top = build_layer(type_name, bottom, dtype=dtype, loss_param=loss_param)
    layer.forward(bottom, top)
    layer.backward(top, [True, True, False], bottom)
    return float(top[0].data), bottom[0].diff, bottom[1].diff


def test_small_differences_cost_half_their_square(type_name):
    loss, slope, _ = run(type_name, [np.full((1, 4), 1e-3), np.zeros((1, 4))], "float32")
    assert loss == pytest.approx(2e-6, rel=1e-5)
    np.testing.assert_allclose(slope, 1e-3, rtol=1e-5)


def test_weights_and_divisors(type_name):
    one, slope, _ = run(type_name, [A, B, WEIGHTS], normalization="NONE")
    expected = sum(WEIGHTS[n, 0, y, x] * run(type_name, [A[n:n + 1, :, y, x], B[n:n + 1, :, y, x]])[0]
                   for n, y, x in np.ndindex(2, 4, 5))
    assert one == pytest.approx(expected, rel=1e-12)
    for loss_param, divisor in (({}, 2), ({"normalization": "VALID"}, 3 * WEIGHTS.sum())):
        loss, other, _ = run(type_name, [A, B, WEIGHTS], **loss_param)
        assert loss == pytest.approx(one / divisor, rel=1e-12)
        np.testing.assert_allclose(other, slope / divisor, rtol=1e-12)


def test_values_under_a_zero_weight_do_not_matter(type_name):
    results = [run(type_name, [np.where(WEIGHTS == 0, hidden, A), B, WEIGHTS]) for hidden in (0, np.nan)]
    for a, b in zip(*results):
        np.testing.assert_array_equal(a, b)


def test_empty_mask(type_name, caplog):
    loss, *diffs = run(type_name, [A, B, np.zeros_like(WEIGHTS)], normalization="VALID")
    assert loss == 0 and not diffs[0].any() and not diffs[1].any()
    assert f"layer 'layer' ({type_name}): bottom 'bottom2' leaves no element" in caplog.text


def test_a_batch_is_no_channel(type_name):
    assert run(type_name, [A[0, :, :1, 0], A[1, :, :1, :1]])[0] > 0  # (3, 1) and (3, 1, 1) are the same
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(1, 3\), expected \(3, 1\)"):
        run(type_name, [A[0, :, :1, 0], A[:1, :, 0, 0]])


def test_in_a_net_that_shares_memory(type_name):
    """Gradients are the same where the predictions' memory is used again before backward."""
    text = """
name: shared
layers:
- {name: images, type: Input, top: [x, target], input_param: {shape: {dim: [1, 2, 64, 80]}}}
- {name: scaled, type: Scale, bottom: x}
- {name: squared, type: Power, bottom: scaled, power_param: {power: 2}}
- {name: loss, type: %s, bottom: [squared, target]}
""" % type_name
    diffs = []
    for shared in (False, True):
        net = Net(load_net("shared", text), "TRAIN")
        if shared:
            net.share_memory()
        net.forward(**dict(zip(("x", "target"), np.random.default_rng(1).normal(size=(2, 1, 2, 64, 80)))))
        net.backward()
        diffs.append(net.params["scaled"][0].diff.copy())
    np.testing.assert_array_equal(*diffs)
    assert diffs[0].any()
