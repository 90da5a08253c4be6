"""MNIST's files and .npz archives of digits, the choice of a few, and refusals."""

import gzip
import struct

import h5py
import numpy as np
import pytest

from pycaffe_geo.datasets.digits import first_of_each, read_digits, write_digits
from pycaffe_geo.errors import DataError

IMAGES = np.arange(4 * 3 * 2, dtype=np.uint8).reshape(4, 3, 2)
LABELS = np.array([7, 1, 7, 0], np.uint8)


def idx(images=IMAGES, labels=LABELS):
    """The bytes of the two files that MNIST comes in."""
    return struct.pack(">4I", 0x803, *images.shape) + images.tobytes(), struct.pack(">2I", 0x801, len(labels)) + labels.tobytes()


@pytest.mark.parametrize("ending, pack", [("", bytes), (".gz", gzip.compress)])
def test_idx_files(tmp_path, ending, pack):
    images, labels = (tmp_path / f"t10k-{name}-ubyte{ending}" for name in ("images-idx3", "labels-idx1"))
    for path, data in zip((images, labels), idx()):
        path.write_bytes(pack(data))
    for found in read_digits(images), read_digits(images, labels):
        np.testing.assert_array_equal(found[0], IMAGES[:, None])
        np.testing.assert_array_equal(found[1], LABELS)


@pytest.mark.parametrize("images", [IMAGES, IMAGES[:, None]])
def test_npz(tmp_path, images):
    np.savez(tmp_path / "a.npz", images=images, labels=LABELS.astype(np.int64))
    found = read_digits(tmp_path / "a.npz")
    np.testing.assert_array_equal(found[0], IMAGES[:, None])
    np.testing.assert_array_equal(found[1], LABELS)
    assert found[0].dtype == found[1].dtype == np.uint8


def test_the_first_of_each_label():
    assert first_of_each(np.array([2, 0, 0, 2, 2, 0]), 2).tolist() == [0, 1, 2, 3]
    with pytest.raises(DataError, match="there are 1 digits with the label 0, expected at least 2"):
        first_of_each(LABELS, 2)


def test_what_hdf5_data_reads_is_written(tmp_path):
    data, source = write_digits(tmp_path / "new" / "few", IMAGES[:, None], LABELS)
    assert source.read_text() == "few.h5\n" and sorted(p.name for p in data.parent.iterdir()) == ["few.h5", "few.txt"]
    with h5py.File(data) as file:
        np.testing.assert_array_equal(file["data"], IMAGES[:, None])
        np.testing.assert_array_equal(file["label"], LABELS)
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="a.h5: cannot be written"):
        write_digits(tmp_path / "file" / "a", IMAGES[:, None], LABELS)


@pytest.mark.parametrize("image_bytes, label_bytes, message", [
    (idx()[0][:-1], idx()[1], "images-idx3: says that it holds 4x3x2 bytes, it holds 23; was it cut short"),
    (idx()[1], idx()[1], "images-idx3: begins with 00000801, expected 00000803: an idx file of pictures"),
    (b"", idx()[1], "begins with nothing, expected 00000803"),
    (idx()[0], idx()[0], "labels-idx1: begins with 00000803, expected 00000801: an idx file of labels"),
    (idx()[0], idx(labels=LABELS[:3])[1], "images-idx3: holds 4 pictures, .*labels-idx1 3 labels; expected some, one for each"),
    (struct.pack(">4I", 0x803, 2**31, 2**31, 2**31), idx()[1], "was it cut short"),
    (idx(IMAGES[:0])[0], idx(labels=LABELS[:0])[1], "holds 0 pictures"),
    (idx()[0], None, "labels-idx1: cannot be read: .*No such file"),
])
def test_wrong_idx_files_are_named(tmp_path, image_bytes, label_bytes, message):
    (tmp_path / "images-idx3").write_bytes(image_bytes)
    if label_bytes is not None:
        (tmp_path / "labels-idx1").write_bytes(label_bytes)
    with pytest.raises(DataError, match=message):
        read_digits(tmp_path / "images-idx3")


@pytest.mark.parametrize("arrays, message", [
    ({"image": IMAGES, "labels": LABELS}, r"has no array 'images', did you mean 'image'\? \(it has 'image', 'labels'\)"),
    ({"images": IMAGES / 255, "labels": LABELS}, r"'images' is float64 \(4, 3, 2\), expected uint8 \(N, H, W\)"),
    ({"images": IMAGES.reshape(4, 6), "labels": LABELS}, r"'images' is uint8 \(4, 6\), expected uint8"),
    ({"images": IMAGES, "labels": LABELS[:, None]}, r"'labels' is uint8 \(4, 1\), expected \(N,\) whole numbers"),
    ({"images": IMAGES, "labels": LABELS - 1.0}, "'labels' is float64"),
    ({"images": IMAGES, "labels": LABELS.astype(object)}, "cannot be read as .npz"),
])
def test_wrong_npz_files_are_named(tmp_path, arrays, message):
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message):
        read_digits(tmp_path / "a.npz")


def test_a_name_that_tells_no_labels_and_a_damaged_archive(tmp_path):
    (tmp_path / "digits").write_bytes(idx()[0])
    with pytest.raises(DataError, match="a file of labels is needed too"):
        read_digits(tmp_path / "digits")
    (tmp_path / "images.gz").write_bytes(gzip.compress(idx()[0])[:-9])
    with pytest.raises(DataError, match="images.gz: cannot be read"):
        read_digits(tmp_path / "images.gz")
    (tmp_path / "a.npz").write_bytes(b"PK\3\4 no archive")
    with pytest.raises(DataError, match="a.npz: cannot be read as .npz"):
        read_digits(tmp_path / "a.npz")
