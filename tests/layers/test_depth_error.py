import logging
import math

import numpy as np
import pytest

from pycaffe_geo.errors import DataError, ShapeError, SpecError
from pycaffe_geo.gradient_check import build_layer

DEPTHS = np.random.default_rng(0).uniform(1, 5, (3, 2, 1, 5, 7))
EXAMPLE = dict(bottom=[DEPTHS[0], DEPTHS[1], (DEPTHS[2] > 2).astype(float)], tops=3)


def run(bottom, tops=3, **parameters):
    layer, bottom, top = build_layer("DepthError", bottom, tops, phase="TEST", depth_error_param=parameters)
    layer.forward(bottom, top)
    return [float(t.data) for t in top]


def test_errors_by_hand_are_means_over_images():
    target = np.array([2.0, 4.0, 0.0, 1.0]).reshape(2, 1, 1, 2)
    predicted = np.array([2.0, 2.0, 7.0, 1.1]).reshape(2, 1, 1, 2)
    expected = [(0.25 + 0.1) / 2, (math.sqrt(2) + 0.1) / 2, (0.5 + 1) / 2]
    assert run([predicted, target]) == pytest.approx(expected)


def test_all_metrics_against_a_loop_over_pixels():
    predicted, target, mask = DEPTHS[0], DEPTHS[1], DEPTHS[2] > 2
    names = ["abs_rel", "sq_rel", "rmse", "rmse_log", "a1", "a2", "a3", "log10", "silog"]
    images = []
    for n in range(2):
        pairs = [(p, t) for p, t, m in zip(predicted[n].ravel(), target[n].ravel(), mask[n].ravel()) if m]
        ratio = np.median([t for _, t in pairs]) / np.median([p for p, _ in pairs])
        pairs = [(p * ratio, t) for p, t in pairs]
        logs = [math.log(p) - math.log(t) for p, t in pairs]
        images.append([
            np.mean([abs(p - t) / t for p, t in pairs]), np.mean([(p - t) ** 2 / t for p, t in pairs]),
            np.mean([(p - t) ** 2 for p, t in pairs]) ** 0.5, np.mean([d * d for d in logs]) ** 0.5,
            *(np.mean([max(p / t, t / p) < 1.25**k for p, t in pairs]) for k in (1, 2, 3)),
            np.mean([abs(d) for d in logs]) / math.log(10), 100 * np.var(logs) ** 0.5])
    values = run([predicted, target, mask.astype(float)], 9, metrics=names, median_scaling=True)
    assert values == pytest.approx(np.mean(images, axis=0))


def test_range_and_crop():
    target = np.full((1, 1, 100, 100), 2.0)
    target[..., :41, :] = 3
    predicted = np.where(target == 3, 1, 2.0)
    assert run([predicted, target], 1, metrics="abs_rel")[0] > 0.2
    assert run([predicted, target], 1, metrics="abs_rel", cap=2.5) == [0]
    target[..., 40, :] = 2
    predicted[..., 40, :] = 2
    assert run([predicted, target], 1, metrics="abs_rel", crop="garg") == [0]


def test_images_without_depth_are_left_out(caplog):
    target = DEPTHS[1].copy()
    target[0] = 0
    with caplog.at_level(logging.WARNING):
        values = run([DEPTHS[0], target])
    assert "1 of 2 images have no depth between 0.001 and 80 m that counts (crop 'none'); they are left out" in caplog.text
    assert values == run([DEPTHS[0][1:], DEPTHS[1][1:]])
    with pytest.raises(DataError, match=r"layer 'layer' \(DepthError\): bottom 'bottom1': 2 of 2 images have no depth"):
        run([DEPTHS[0], target * 0])


def test_a_prediction_that_is_not_a_number_is_not_hidden():
    predicted = DEPTHS[0].copy()
    predicted[1, 0, 0, 0] = np.nan
    assert np.isnan(run([predicted, DEPTHS[1]])).all()


def test_it_gives_no_gradient():
    layer, bottom, top = build_layer("DepthError", **EXAMPLE)
    assert layer.no_gradient == (0, 1, 2)


def test_refusals():
    with pytest.raises(ShapeError, match=r"layer 'layer' \(DepthError\): bottom '.*' is \(2, 1, 5, 6\), expected \(2, 1, 5, 7\)"):
        run([(2, 1, 5, 7), (2, 1, 5, 6)])
    with pytest.raises(SpecError, match="has 2 tops, expected 3, one for each of depth_error_param.metrics: abs_rel, rmse, a1"):
        run([(2, 1, 5, 7), (2, 1, 5, 7)], 2)
    with pytest.raises(SpecError, match="'absrel' in quotes, expected one of .*did you mean 'abs_rel'"):
        run([(2, 1, 5, 7), (2, 1, 5, 7)], 1, metrics="absrel")
    with pytest.raises(SpecError, match="min_depth is 2.*, expected a number between 0 and the cap of 1"):
        run([(2, 1, 5, 7), (2, 1, 5, 7)], min_depth=2, cap=1)
