import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
PREDICTION = RNG.uniform(0.5, 8, (3, 1, 5, 7))
TARGET = RNG.uniform(0.5, 8, (3, 1, 5, 7)) * RNG.integers(0, 2, (3, 1, 5, 7))
WEIGHTS = RNG.uniform(0.5, 2, (3, 1, 5, 7)) * RNG.integers(0, 2, (3, 1, 5, 7))
VALID = (TARGET > 0) & (WEIGHTS > 0)

EXAMPLE = dict(bottom=[PREDICTION, TARGET, WEIGHTS])


@pytest.mark.parametrize("bottom", [[PREDICTION, TARGET], [PREDICTION, TARGET, WEIGHTS], [PREDICTION, PREDICTION],
                                    [PREDICTION[:1, 0, 0], PREDICTION[1:2, 0, 0]]])
@pytest.mark.parametrize("normalization", ["VALID", "BATCH_SIZE"])
def test_gradient(bottom, normalization):
    report = check_layer("BerHuLoss", bottom, berhu_loss_param={"c": 1.5}, loss_param={"normalization": normalization})
    assert report.ok, report


def run(bottom, **parameters):
    layer, bottom, top = build_layer("BerHuLoss", bottom, berhu_loss_param=parameters)
    layer.forward(bottom, top)
    layer.backward(top, [True, False, False], bottom)
    return float(top[0].data), bottom[0].diff


def cost(d, c):
    return abs(d) if abs(d) <= c else (d * d + c * c) / (2 * c)


def test_forward_against_a_loop():
    places = [(p - t, w) for p, t, w in zip(PREDICTION.flat, TARGET.flat, WEIGHTS.flat) if t > 0 and w]
    c = 0.2 * max(abs(d) for d, _ in places)
    expected = sum(w * cost(d, c) for d, w in places) / sum(w for _, w in places)
    assert run([PREDICTION, TARGET, WEIGHTS])[0] == pytest.approx(expected, rel=1e-12)


def test_the_gradient_is_that_for_a_fixed_c():
    d = abs(PREDICTION - TARGET)[VALID]
    assert (d > 0.3 * d.max()).any() and (d < 0.3 * d.max()).any()
    by_share, fixed = (run([PREDICTION, TARGET, WEIGHTS], **p) for p in ({"share": 0.3}, {"c": 0.3 * d.max()}))
    assert by_share[0] == pytest.approx(fixed[0], rel=1e-12)
    np.testing.assert_allclose(by_share[1], fixed[1], rtol=1e-12)


def test_at_c_both_branches_agree():
    loss, gradient = run([np.array([[1.5, 3, 3.5]]), np.full((1, 3), 2.0)], c=1)
    assert loss == pytest.approx((0.5 + 1 + 1.625) / 3)
    np.testing.assert_allclose(gradient, np.array([[-1, 1, 1.5]]) / 3)


def test_no_difference():
    loss, gradient = run([PREDICTION, PREDICTION])
    assert loss == 0 and not gradient.any()


def test_invalid_values_do_not_matter():
    expected = run([PREDICTION, TARGET, WEIGHTS])
    got = run([np.where(VALID, PREDICTION, np.nan), np.where(VALID, TARGET, -1), WEIGHTS])
    assert got[0] == expected[0]
    np.testing.assert_array_equal(got[1], expected[1])


def test_nothing_valid(caplog):
    loss, gradient = run([PREDICTION, np.zeros_like(TARGET)])
    assert loss == 0 and not gradient.any()
    assert "layer 'layer' (BerHuLoss): bottom 'bottom1' leaves no element" in caplog.text


def test_targets_of_another_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(3, 1, 5, 6\), expected \(3, 1, 5, 7\)"):
        build_layer("BerHuLoss", [PREDICTION, TARGET[..., 1:]])


@pytest.mark.parametrize("parameters", [{"c": 0}, {"share": 0}])
def test_mistakes_in_the_parameters(parameters):
    with pytest.raises(SpecError, match="is 0.0, expected more than 0"):
        build_layer("BerHuLoss", [PREDICTION, TARGET], berhu_loss_param=parameters)
