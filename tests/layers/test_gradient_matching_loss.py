import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
PREDICTION = RNG.uniform(0.5, 8, (3, 1, 5, 7))
TARGET = RNG.uniform(0.5, 8, (3, 1, 5, 7)) * (RNG.uniform(size=(3, 1, 5, 7)) < 0.8)
MASK = (RNG.uniform(size=(3, 1, 5, 7)) < 0.8).astype(float)

EXAMPLE = dict(bottom=[PREDICTION, TARGET, MASK])


@pytest.mark.parametrize("size", [np.s_[:], np.s_[:1, :, :, :1], np.s_[:1, :, :1], np.s_[:1, :, :1, :1], np.s_[:2, :, :2, :2]])
@pytest.mark.parametrize("bottom", [[PREDICTION, TARGET], [PREDICTION, TARGET, MASK], [PREDICTION, PREDICTION[::-1], PREDICTION]])
@pytest.mark.parametrize("parameters", [{}, {"input": "log"}])
def test_gradient(size, bottom, parameters):
    report = check_layer("GradientMatchingLoss", [b[size] for b in bottom], gradient_matching_loss_param=parameters)
    assert report.ok, report


def run(bottom, **parameters):
    layer, bottom, top = build_layer("GradientMatchingLoss", bottom, gradient_matching_loss_param=parameters)
    layer.forward(bottom, top)
    layer.backward(top, [True, False, False], bottom)
    return float(top[0].data), bottom[0].diff


def test_forward_against_a_loop():
    images = []
    for p, t, m in zip(PREDICTION[:, 0], TARGET[:, 0], MASK[:, 0]):
        d = {place: math.log(p[place]) - math.log(t[place]) for place in np.ndindex(5, 7) if t[place] > 0 and m[place]}
        below = [(d[y + 1, x] - d[y, x])**2 for y, x in d if (y + 1, x) in d]
        right = [(d[y, x + 1] - d[y, x])**2 for y, x in d if (y, x + 1) in d]
        images.append((sum(below) + sum(right)) / len(d))
    assert run([PREDICTION, TARGET, MASK])[0] == pytest.approx(sum(images) / 3, rel=1e-12)
    assert run([np.log(PREDICTION), TARGET, MASK], input="log")[0] == pytest.approx(sum(images) / 3, rel=1e-12)


def test_a_common_factor_costs_nothing():
    loss, gradient = run([3 * PREDICTION, PREDICTION])
    assert loss < 1e-28 and abs(gradient).max() < 1e-14


def test_invalid_values_do_not_matter():
    bad = TARGET * MASK == 0
    expected = run([PREDICTION, TARGET, MASK])
    got = run([np.where(bad, np.nan, PREDICTION), np.where(bad, -1, TARGET), MASK])
    assert got[0] == expected[0]
    np.testing.assert_array_equal(got[1], expected[1])


def test_an_image_without_valid_pixels_does_not_count():
    target = TARGET.copy()
    target[1] = 0
    loss, gradient = run([PREDICTION, target])
    assert loss == pytest.approx(run([PREDICTION[::2], target[::2]])[0])
    assert not gradient[1].any() and gradient[0].any()


def test_nothing_valid(caplog):
    loss, gradient = run([PREDICTION, np.zeros_like(TARGET)])
    assert loss == 0 and not gradient.any()
    assert "layer 'layer' (GradientMatchingLoss): bottom 'bottom1' leaves no element" in caplog.text


def test_maps_only():
    with pytest.raises(ShapeError, match=r"bottom 'bottom0' is \(3, 5\), expected \(N, C, H, W\)"):
        build_layer("GradientMatchingLoss", [(3, 5), (3, 5)])


def test_eps_must_be_positive():
    with pytest.raises(SpecError, match="eps is 0.0, expected more than 0"):
        build_layer("GradientMatchingLoss", [PREDICTION, TARGET], gradient_matching_loss_param={"eps": 0})
