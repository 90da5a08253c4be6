"""Depth errors: cases worked out by hand, the published crops, masks, scaling and refusals."""

import math

import numpy as np
import pytest

from pycaffe_geo.errors import DataError
from pycaffe_geo.metrics import depth

TRUTH = np.array([[1.0, 2.0], [4.0, 0.0]])
PREDICTED = np.array([[2.0, 2.0], [2.0, 9.0]])  # ratios 2, 1, 1/2


def test_errors_by_hand():
    errors = depth.image_errors(PREDICTED, TRUTH, "image")
    ln2 = math.log(2)
    expected = {
        "abs_rel": (1 + 0 + 0.5) / 3, "sq_rel": (1 + 0 + 1) / 3, "rmse": math.sqrt((1 + 0 + 4) / 3),
        "rmse_log": ln2 * math.sqrt(2 / 3), "a1": 1 / 3, "a2": 1 / 3, "a3": 1 / 3, "log10": 2 * math.log10(2) / 3,
        "silog": 100 * ln2 * math.sqrt(2 / 3),  # the mean of d is 0
        "scale": 1, "pixels": 3, "without": 0,
    }
    assert errors == pytest.approx(expected, rel=1e-12)
    assert list(errors)[:9] == list(depth.METRICS)


@pytest.mark.parametrize("ratio, accuracies", [
    (1.0, (1, 1, 1)), (1.249, (1, 1, 1)), (1.25, (0, 1, 1)), (1 / 1.3, (0, 1, 1)), (1.7, (0, 0, 1)), (2, (0, 0, 0)),
])
def test_accuracies_are_below_a_ratio_either_way(ratio, accuracies):
    errors = depth.image_errors(np.full((2, 2), ratio), np.ones((2, 2)), "image")
    assert (errors["a1"], errors["a2"], errors["a3"]) == accuracies


def test_silog_forgives_a_common_scale_and_rmse_log_does_not():
    truth = np.random.default_rng(0).uniform(1, 20, (5, 7))
    errors = depth.image_errors(1.5 * truth, truth, "image")
    assert errors["silog"] == pytest.approx(0, abs=1e-5)
    assert errors["rmse_log"] == pytest.approx(math.log(1.5))


def test_median_scaling_by_hand():
    errors = depth.image_errors(np.array([[1.0, 2.0, 3.0]]), np.array([[2.0, 5.0, 7.5]]), "image", median_scaling=True)
    assert errors["scale"] == 2.5
    assert errors["abs_rel"] == pytest.approx(0.25 / 3)


def test_the_median_is_of_the_pixels_that_count():
    errors = depth.image_errors(np.array([[1.0, 50.0, 50.0]]), np.array([[2.0, 0.0, 90.0]]), "image", median_scaling=True)
    assert errors["scale"] == 2 and errors["pixels"] == 1 and errors["abs_rel"] == 0


def test_predictions_are_clipped_to_the_range():
    errors = depth.image_errors(np.array([[-1.0, np.inf, 0.0]]), np.array([[1.0, 40.0, 1.0]]), "image", min_depth=0.1, cap=50)
    assert errors["abs_rel"] == pytest.approx((0.9 + 0.25 + 0.9) / 3)
    assert errors["without"] == 2


def test_the_range_is_open_at_both_ends():
    truth = np.array([[0.0, 1e-3, 2e-3, 79.9, 80.0, np.nan]])
    np.testing.assert_array_equal(depth.valid_mask(truth), [[False, False, True, True, False, False]])
    np.testing.assert_array_equal(depth.valid_mask(truth, cap=0.5), [[False, False, True, False, False, False]])


@pytest.mark.parametrize("crop, size, bounds", [  # bounds: first row, last row + 1, first column, last column + 1
    ("garg", (375, 1242), (153, 371, 44, 1197)),
    ("eigen", (375, 1242), (124, 342, 44, 1197)),
    ("nyu", (480, 640), (45, 471, 41, 601)),
    ("none", (3, 4), (0, 3, 0, 4)),
])
def test_crops(crop, size, bounds):
    rows, columns = np.nonzero(depth.crop_mask(*size, crop))
    assert (rows.min(), rows.max() + 1, columns.min(), columns.max() + 1) == bounds
    assert rows.size == (bounds[1] - bounds[0]) * (bounds[3] - bounds[2])


def test_images_count_the_same_in_the_mean():
    images = [depth.image_errors(np.full((1, n), 1.0 + e), np.ones((1, n)), "image") for n, e in ((1, 0.1), (9, 0.3))]
    assert depth.mean_errors(images)["abs_rel"] == pytest.approx(0.2)


@pytest.mark.parametrize("predicted, truth, options, message", [
    (PREDICTED, np.zeros((2, 2)), {}, "^a.png: no pixel of the ground truth counts: none between 0.001 and 80 m"),
    (PREDICTED, TRUTH, {"mask": np.zeros((2, 2))}, "^a.png: no pixel"),
    (PREDICTED * np.nan, TRUTH, {}, "^a.png: the prediction is NaN at 3 of 3 pixels"),
    (PREDICTED * 0, TRUTH, {"median_scaling": True}, "^a.png: the median of the prediction is 0;"),
    (PREDICTED[:1], TRUTH, {}, r"^a.png: the prediction is \(1, 2\), the ground truth \(2, 2\)"),
    (PREDICTED, TRUTH, {"crop": "grag"}, "crop 'grag' is not known, did you mean 'garg'"),
])
def test_refusals_name_the_image(predicted, truth, options, message):
    with pytest.raises(DataError, match=message):
        depth.image_errors(predicted, truth, "a.png", **options)
