"""Choosing pairs, holding out, checking poses and intrinsics."""

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import check_rotation, gap_pairs, hold_out, read_intrinsics
from pycaffe_geo.errors import DataError


def as_set(pairs):
    return set(map(tuple, pairs.tolist()))


def test_pairs_by_gaps_go_both_ways():
    assert as_set(gap_pairs(4, (1, 3))) == {(0, 1), (1, 2), (2, 3), (0, 3), (1, 0), (2, 1), (3, 2), (3, 0)}
    assert gap_pairs(2, (5,)).shape == (0, 2)


def test_breaks_are_not_spanned_and_skipped_frames_not_used():
    assert as_set(gap_pairs(5, (1, 2), breaks=[2])) == {(0, 1), (1, 0), (2, 3), (3, 2), (3, 4), (4, 3), (2, 4), (4, 2)}
    assert as_set(gap_pairs(6, (1,), skip=[(1, 2), (5, 5)])) == {(3, 4), (4, 3)}


def test_held_out_pairs_share_no_frame_with_the_others():
    train, held = hold_out(gap_pairs(38, (1, 2), breaks=[25]), 38, 8)
    assert (len(train), len(held)) == (108, 26)
    assert train.max() == 29 and held.min() == 30


@pytest.mark.parametrize("change, message", [
    ({(0, 0): 2.0}, "not a rigid pose: R R.T differs from 1 by 3"),
    ({(0, 0): -1.0}, "det R = -1"),
    ({(3, 0): 0.5}, r"last row \[0.5, 0.0, 0.0, 1.0\]"),
    ({(1, 3): np.nan}, "not finite"),
])
def test_poses_that_are_not_rigid_are_refused(change, message):
    pose = np.eye(4)
    check_rotation(pose, "here")
    for at, value in change.items():
        pose[at] = value
    with pytest.raises(DataError, match=f"here: .*{message}"):
        check_rotation(pose, "here")


def test_intrinsics_from_four_numbers_or_a_matrix():
    np.testing.assert_array_equal(read_intrinsics([[5, 0, 2], [0, -6, 3], [0, 0, 1]], "K"), [5, -6, 2, 3])
    np.testing.assert_array_equal(read_intrinsics([5, -6, 2, 3], "K"), [5, -6, 2, 3])
    for bad in ([5, 6, 2], [0, 6, 2, 3], [5, 6, np.nan, 3]):
        with pytest.raises(DataError, match="K.txt: intrinsics are .*expected fx fy cx cy"):
            read_intrinsics(bad, "K.txt")
