"""Stereo errors on pairs whose disparities are known."""

import numpy as np
import pytest

from pycaffe_geo.metrics import stereo

CANDIDATES = np.arange(0, 4.1, 0.5)


def pairs(disparity, seed=0):
    """Return left and right pictures (2, 3, H, W) of random noise with left(x) = right(x - disparity), for whole disparities
    (H,), one for each row."""
    right = np.random.default_rng(seed).uniform(0, 255, (2, 3, len(disparity), 20)).astype(np.float32)
    left = np.stack([np.roll(right[:, :, y], d, axis=-1) for y, d in enumerate(disparity)], axis=2)
    return left, right


def test_the_right_disparity_leaves_no_error():
    left, right = pairs([2, 2, 2])
    error = stereo.photometric_error(left, right, np.full((2, 3, 20), 2, np.float32))
    assert error.shape == (2, 3, 20) and error[..., 2:].max() < 1e-4 and error[..., :2].min() > 1


def test_a_disparity_between_pixels_is_the_mean_of_two_pixels():
    _, right = pairs([0, 0])
    warped = stereo.warp_right(right, np.full((2, 2, 20), 1.5, np.float32))
    np.testing.assert_allclose(warped[..., 2:], (right[..., :-2] + right[..., 1:-1]) / 2, rtol=1e-5)


def test_rows_find_one_disparity_each():
    rows = np.array([0, 3, 1, 4])
    found = stereo.row_disparities(stereo.candidate_errors(*pairs(rows), CANDIDATES), CANDIDATES)
    np.testing.assert_array_equal(found, rows)


def test_block_matching_looks_at_the_pixels_around():
    """Each pixel alone is fooled where another disparity happens to fit; blocks are not, but at edges."""
    left, right = pairs([2] * 6 + [4] * 6)
    errors = stereo.candidate_errors(left, right, CANDIDATES)
    errors[CANDIDATES == 1, :, 3, 10] = 0
    errors[CANDIDATES == 2, :, 3, 10] = 1
    found = stereo.block_matching(errors, CANDIDATES)
    assert found.shape == (2, 12, 20) and (found[:, :5, 5:] == 2).all() and (found[:, 7:, 5:] == 4).all()
    assert (stereo.block_matching(errors, CANDIDATES, block=1)[:, 3, 10] == 1).all()


def test_block_matching_is_the_least_mean_of_each_block():
    errors = np.random.default_rng(1).uniform(0, 9, (3, 1, 5, 7))
    found = stereo.block_matching(errors, [0, 1, 2], block=3)
    for y in range(1, 4):
        for x in range(1, 6):
            assert found[0, y, x] == errors[:, 0, y - 1:y + 2, x - 1:x + 2].mean(axis=(1, 2)).argmin()


def test_way():
    assert stereo.way(30, 10, 30) == 0 and stereo.way(30, 10, 10) == 1 and stereo.way(30, 10, 18) == pytest.approx(0.6)
