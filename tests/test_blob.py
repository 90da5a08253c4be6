import numpy as np
import pytest

from pycaffe_geo.blob import Blob, Memory, MemoryLimit
from pycaffe_geo.errors import ShapeError, SpecError


def test_data_and_diff_are_zero_and_apart_at_first():
    blob = Blob((2, 3), "float64", name="x")
    blob.data[...] = 1
    assert blob.data.dtype == blob.diff.dtype == np.float64
    assert blob.diff.sum() == 0 and blob.data.sum() == 6


def test_buffers_are_stable_and_keep_their_capacity():
    blob = Blob((4, 5))
    data = blob.data
    blob.reshape(2, 5)
    assert np.shares_memory(data, blob.data) and blob.data.shape == (2, 5)
    blob.reshape(5, 4)
    assert np.shares_memory(data, blob.data)
    blob.reshape(6, 4)
    assert not np.shares_memory(data, blob.data) and blob.data.shape == (6, 4)


def test_a_scalar_has_one_element():
    blob = Blob(())
    blob.data[...] = 3
    assert blob.count == 1 and float(blob.data) == 3


def test_legacy_sizes_are_one_where_there_is_no_axis():
    blob = Blob((7, 5))
    assert (blob.num, blob.channels, blob.height, blob.width) == (7, 5, 1, 1)


def test_assigning_writes_into_the_buffer():
    blob = Blob((3,))
    data, diff = blob.data, blob.diff
    blob.data = [1, 2, 3]
    blob.diff = 4
    assert data.tolist() == [1, 2, 3] and diff.tolist() == [4, 4, 4]


def test_clearing_an_untouched_diff_allocates_nothing():
    blob = Blob((2,))
    blob.clear_diff()
    assert blob.diff_untouched
    blob.diff[...] = 3
    blob.clear_diff()
    assert blob.diff.tolist() == [0, 0]


def test_sharing():
    a, b = Blob((2, 3)), Blob((6,))
    b.share_data(a)
    b.share_diff(a)
    a.data[...] = 5
    b.diff[...] = 2
    assert b.data.tolist() == [5] * 6 and a.diff.sum() == 12
    assert a.shares_data(b) and a.shares_diff(b)


def test_an_alias_follows_the_shape_and_data_but_has_a_diff_of_its_own():
    scratch = Memory("float32", Blob().device)
    blob = Blob((2, 2))
    alias = blob.alias(scratch)
    blob.data[...] = 1
    alias.diff[...] = 7
    assert alias.data.sum() == 4 and blob.diff.sum() == 0
    blob.reshape(3, 3)
    assert alias.shape == alias.diff.shape == (3, 3)


def test_negative_sizes_are_refused():
    with pytest.raises(ShapeError, match=r"blob 'x': cannot have the shape \(2, -1\)"):
        Blob((2, -1), name="x")


def test_a_memory_limit_counts_shapes_and_refuses_before_anything_is_allocated():
    limit = MemoryLimit(1000, copies=2)
    limit.where = "layer 'a'"
    first, second = (Blob((), "float32", name=name, memory_limit=limit) for name in "ab")
    first.reshape(100)
    assert limit.total == 2 * 4 * 101
    with pytest.raises(SpecError) as e:
        second.reshape(5, 6)
    text = "layer 'a': with blob 'b' of shape (5, 6) the net takes at least 1.0 KiB, expected at most 1000 B (max_memory)"
    assert str(e.value) == text
    assert second.shape == () and limit.total == 2 * 4 * 101
    first.reshape(10)
    second.reshape(5, 6)
    assert limit.total == 2 * 4 * 40
    with pytest.raises(SpecError, match="at least 16777216.0 TiB"):
        second.reshape(2**60, 2)
