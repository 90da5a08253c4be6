import math

import numpy as np
import pytest

from pycaffe_geo.errors import ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer, check_layer

RNG = np.random.default_rng(0)
PREDICTION = RNG.uniform(0.5, 8, (3, 1, 5, 7))
TARGET = RNG.uniform(0.5, 8, (3, 1, 5, 7)) * RNG.integers(0, 2, (3, 1, 5, 7))
MASK = RNG.integers(0, 2, (3, 1, 5, 7)).astype(float)

EXAMPLE = dict(bottom=[PREDICTION, TARGET])


@pytest.mark.parametrize("bottom", [[PREDICTION, TARGET], [PREDICTION, TARGET, MASK], [PREDICTION, TARGET, MASK * PREDICTION],
                                    [PREDICTION[:1, :, :1, :1], PREDICTION[1:2, :, :1, :1]]])
@pytest.mark.parametrize("parameters", [{}, {"lambda": 0}, {"lambda": 0.9, "input": "log"}])
def test_gradient(bottom, parameters):
    report = check_layer("EigenLoss", bottom, eigen_loss_param=parameters)
    assert report.ok, report


def run(bottom, **parameters):
    layer, bottom, top = build_layer("EigenLoss", bottom, eigen_loss_param=parameters)
    layer.forward(bottom, top)
    layer.backward(top, [True, False, False], bottom)
    return float(top[0].data), bottom[0].diff


def test_forward_against_a_loop():
    images = []
    for n in range(3):
        valid = [(p, t) for p, t, m in zip(PREDICTION[n].flat, TARGET[n].flat, MASK[n].flat) if t > 0 and m]
        d = [math.log(p) - math.log(t) for p, t in valid]
        images.append(sum(v * v for v in d) / len(d) - 0.3 * (sum(d) / len(d)) ** 2)
    assert run([PREDICTION, TARGET, MASK], **{"lambda": 0.3})[0] == pytest.approx(sum(images) / 3, rel=1e-12)
    log_depth = run([np.log(PREDICTION), TARGET, MASK], **{"lambda": 0.3, "input": "log"})
    assert log_depth[0] == pytest.approx(sum(images) / 3, rel=1e-12)


def test_with_lambda_1_a_common_factor_costs_nothing():
    loss, gradient = run([3 * PREDICTION, PREDICTION], **{"lambda": 1})
    assert abs(loss) < 1e-14 and abs(gradient).max() < 1e-14
    assert run([3 * PREDICTION, PREDICTION])[0] == pytest.approx(math.log(3) ** 2 / 2)


def test_an_image_without_valid_pixels_does_not_count():
    target = TARGET.copy()
    target[1] = 0
    loss, gradient = run([PREDICTION, target])
    assert loss == pytest.approx(run([PREDICTION[::2], target[::2]])[0])
    assert not gradient[1].any() and gradient[0].any()


def test_invalid_values_do_not_matter():
    bad = TARGET * MASK == 0
    expected = run([PREDICTION, TARGET, MASK])
    got = run([np.where(bad, np.nan, PREDICTION), np.where(bad, -1, TARGET), MASK])
    assert got[0] == expected[0]
    np.testing.assert_array_equal(got[1], expected[1])


def test_a_depth_below_eps_counts_as_eps_without_gradient():
    prediction = np.array([[2.0, 0.001, -3.0]])
    loss, gradient = run([prediction, np.full((1, 3), 0.5)], eps=0.01)
    assert loss == pytest.approx(run([np.maximum(prediction, 0.01), np.full((1, 3), 0.5)], eps=0.001)[0])
    assert gradient[0, 0] != 0 and not gradient[0, 1:].any()


def test_nothing_valid(caplog):
    loss, gradient = run([PREDICTION, np.zeros_like(TARGET)])
    assert loss == 0 and not gradient.any()
    assert "layer 'layer' (EigenLoss): bottom 'bottom1' leaves no element" in caplog.text


def test_targets_of_another_shape():
    with pytest.raises(ShapeError, match=r"bottom 'bottom1' is \(3, 1, 5, 6\), expected \(3, 1, 5, 7\)"):
        build_layer("EigenLoss", [PREDICTION, TARGET[..., 1:]])


def test_eps_must_be_positive():
    with pytest.raises(SpecError, match="eps is 0.0, expected more than 0"):
        build_layer("EigenLoss", [PREDICTION, TARGET], eigen_loss_param={"eps": 0})
