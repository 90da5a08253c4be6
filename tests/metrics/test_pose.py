import numpy as np
import pytest

from pycaffe_geo.geometry import se3
from pycaffe_geo.metrics.pose import (
    baseline_ratios,
    direction_error,
    fit_scale,
    mean_motion,
    pose_table,
    rotation_error,
    translation_error,
)


def transform(axis, degrees, translation):
    twist = np.zeros((1, 6))
    twist[0, axis] = np.radians(degrees)
    T = se3.exp(twist, translation="direct")
    T[0, :3, 3] = translation
    return T


@pytest.mark.parametrize("degrees", [0, 1e-6, 0.5, 90, 179.9999, 180])
def test_rotation_error_is_the_angle_between_two_turns_about_one_axis(degrees):
    predicted, truth = transform(1, 10, [0, 0, 0]), transform(1, 10 + degrees, [0, 0, 0])
    np.testing.assert_allclose(rotation_error(predicted, truth), [degrees], atol=1e-9)


def test_translation_and_direction_by_hand():
    truth = np.concatenate([transform(0, 0, [3, 4, 0]), transform(0, 0, [0, 0, 0]), transform(0, 0, [1, 0, 0])])
    predicted = np.concatenate([transform(0, 0, [0, 0, 0]), transform(0, 0, [0, 1, 0]), transform(0, 0, [0, 0, 2])])
    np.testing.assert_allclose(translation_error(predicted, truth), [5, 1, 5**0.5])
    np.testing.assert_allclose(direction_error(predicted, truth), [90, 90, 90])
    np.testing.assert_allclose(direction_error(truth[:1], -truth[:1]), [180])
    np.testing.assert_allclose(direction_error(truth[:1], 2 * truth[:1]), [0], atol=1e-6)


def test_mean_motion_of_a_motion_and_its_inverse_is_the_identity():
    T = se3.exp(np.array([[0.1, 0.2, -0.3, 1.0, 2.0, 3.0]]))
    np.testing.assert_allclose(mean_motion(np.concatenate([T, np.linalg.inv(T)])), np.eye(4), atol=1e-12)


def test_the_table_compares_with_both_baselines():
    truth = np.concatenate([transform(2, 4, [0.1, 0, 0]), transform(2, 8, [0.3, 0, 0])])
    half = np.concatenate([transform(2, 2, [0.05, 0, 0]), transform(2, 4, [0.15, 0, 0])])
    rows = {row[""]: row for row in pose_table(half, truth)}
    assert rows["identity"]["rotation_deg"] == pytest.approx(6)
    assert rows["prediction"]["rotation_deg"] == pytest.approx(3)
    assert rows["mean motion"]["rotation_deg"] == pytest.approx(2)
    assert rows["prediction"]["translation_m"] == pytest.approx(0.1)
    assert baseline_ratios(list(rows.values()))["rotation"] == pytest.approx(1.5)


def test_the_scale_that_fits():
    truth = np.concatenate([transform(0, 5, [1, 2, 3]), transform(1, 5, [-1, 0, 2])])
    predicted = truth.copy()
    predicted[:, :3, 3] *= 0.25
    np.testing.assert_allclose(fit_scale(predicted, truth), truth)
    predicted[:, :3, 3] *= -1  # backwards: standing still is nearer
    assert not fit_scale(predicted, truth)[:, :3, 3].any()
    predicted[:, :3, 3] = 0
    np.testing.assert_array_equal(fit_scale(predicted, truth), predicted)
