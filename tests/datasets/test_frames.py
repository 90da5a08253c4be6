"""Choosing frames and pairs, reading, checking poses and intrinsics."""

import numpy as np
import pytest

from pycaffe_geo.datasets.frames import Recording, check_rotation, gap_pairs, load_frames, read_intrinsics
from pycaffe_geo.errors import DataError


def as_set(pairs):
    return set(map(tuple, pairs.tolist()))


def recording(count=6, **changes):
    """Frames of 6x4 pixels whose values are their numbers; every field that there can be."""
    def read(i):
        return {"color": np.full((4, 6, 3), i, np.uint8), "right": np.full((4, 6, 3), 100 + i, np.uint8),
                "depth": np.full((4, 6), 1 + i, np.float32)}

    poses = np.tile(np.eye(4), (count, 1, 1))
    poses[:, 0, 3] = np.arange(count)
    fields = dict(source="test", names=tuple(map(str, range(count))), read=read, intrinsics=np.array([10, 12, 2.5, 1.5]),
                  pose_c2w=poses, baseline=0.5)
    return Recording(**{**fields, **changes})


def test_pairs_by_gaps_go_both_ways():
    assert as_set(gap_pairs(np.zeros(4), (1, 3))) == {(0, 1), (1, 2), (2, 3), (0, 3), (1, 0), (2, 1), (3, 2), (3, 0)}
    assert gap_pairs(np.zeros(2), (5,)).shape == (0, 2)


def test_pairs_do_not_span_sequences():
    found = as_set(gap_pairs(np.array([0, 0, 7, 7, 7]), (1, 2)))
    assert found == {(0, 1), (1, 0), (2, 3), (3, 2), (3, 4), (4, 3), (2, 4), (4, 2)}
    assert as_set(gap_pairs(np.array([0, 1, 0]), (2,))) == set()  # another run lies between


@pytest.mark.parametrize("sequence, choice, numbers, runs", [
    (None, {}, [0, 1, 2, 3, 4, 5], [0, 0, 0, 0, 0, 0]),
    ([3, 3, 3, 1, 1, 3], {}, [0, 1, 2, 3, 4, 5], [0, 0, 0, 1, 1, 2]),
    (None, {"step": 2}, [0, 2, 4], [0, 0, 0]),
    (None, {"breaks": [2, 3]}, [0, 1, 2, 3, 4, 5], [0, 0, 1, 2, 2, 2]),
    (None, {"skip": [(1, 2), (5, 5)]}, [0, 3, 4], [0, 1, 1]),
    ([0, 0, 0, 0, 9, 9], {"step": 2, "skip": [(1, 1)]}, [0, 2, 4], [0, 1, 2]),
])
def test_frames_are_chosen_in_runs(sequence, choice, numbers, runs):
    chosen = recording(sequence=None if sequence is None else np.array(sequence)).choose(**choice)
    assert [list(part) for part in chosen] == [numbers, runs]


def test_chosen_frames_are_read_and_resized():
    frames = load_frames(recording(), size=(3, 2), step=2, breaks=[4])
    assert frames.names == ("0", "2", "4") and frames.color.shape == frames.right.shape == (3, 2, 3, 3)
    np.testing.assert_array_equal(frames.right[:, 0, 0, 0], [100, 102, 104])
    np.testing.assert_array_equal(frames.depth[:, 0, 0], [1, 3, 5])
    np.testing.assert_array_equal(frames.pose_c2w[:, 0, 3], [0, 2, 4])
    np.testing.assert_array_equal(frames.intrinsics, [[5, 6, 1, 0.5]] * 3)
    np.testing.assert_array_equal(frames.baseline, [0.5] * 3)
    data = frames.as_file()
    assert as_set(data.pop("pairs")) == {(0, 1), (1, 0)} and data["source"] == "test" and "names" not in data
    part = frames.part(1, 3)
    assert part.names == ("2", "4") and part.sequence.tolist() == [0, 1] and part.source == "test"


def test_what_a_recording_lacks_the_file_lacks():
    bare = recording(read=lambda i: {"color": np.zeros((4, 6, 3), np.uint8)}, pose_c2w=None, baseline=None)
    assert set(load_frames(bare).as_file()) == {"color", "intrinsics", "sequence", "source"}


def test_cameras_of_several_sizes_need_one_size():
    def read(i):
        return {"color": np.zeros((4, 6 + 6 * i, 3), np.uint8)}

    several = recording(2, read=read, intrinsics=np.array([[10, 12, 2.5, 1.5], [20, 12, 5.5, 1.5]]))
    np.testing.assert_array_equal(load_frames(several, size=(6, 4)).intrinsics, [[10, 12, 2.5, 1.5]] * 2)
    with pytest.raises(DataError, match="test: frame '1' is 12x4, the first one is 6x4; expected one size, or --size"):
        load_frames(several)
    with pytest.raises(DataError, match="frame '1' is 12x4, .*expected one camera and size"):
        load_frames(recording(2, read=read), size=(6, 4))


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
