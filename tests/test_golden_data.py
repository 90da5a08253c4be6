"""What real Caffe's ImageData and Data layers gave (../shared/golden/data): every case, batch by batch, resized bit for bit."""

import json

import numpy as np
import pytest

from golden import GOLDEN
from pycaffe_geo.datasets.images import read_planes, resize_planes
from pycaffe_geo.net import Net

DATA = GOLDEN / "data"
CASES = [
    "dummy_data",
    "image_bs1_native",
    "image_resize",
    "image_gray",
    "image_one_mean",
    "image_mean_scale",
    "image_meanfile_crop",
    "image_crop_test",
    "lmdb_float_no_label",
    "lmdb_raw",
    "lmdb_raw_crop_test",
]


def recorded(name):
    """Return (phase, [{blob: values} of each forward]) of a case; skips where it is missing."""
    path = DATA / f"{name}.h5"
    if not path.exists():
        pytest.skip(f"{path} is missing")
    if "lmdb" in name:
        pytest.importorskip("lmdb")
    h5py = pytest.importorskip("h5py")
    with h5py.File(path) as file:
        forwards = [{b: file[f"forward_{i}/{b}"][()] for b in file[f"forward_{i}"]} for i in range(3)]
        assert set(forwards[0]) == set(json.loads(file.attrs["blob_names"]))
        return file.attrs["phase"], forwards


@pytest.mark.parametrize("name", CASES)
def test_batches_as_caffe(name):
    phase, forwards = recorded(name)
    net = Net(DATA / f"{name}.prototxt", phase)
    for expected in forwards:
        net.forward()
        for blob, values in expected.items():
            ours = net.blobs[blob].data
            assert ours.shape == values.shape
            np.testing.assert_allclose(ours, values, rtol=1e-6, atol=1e-6, err_msg=blob)


def test_random_crops_and_flips_are_those_caffe_can_draw():
    """Caffe's draws cannot be repeated: each of its pictures, and each of ours, is one of all crops, mirrored or not."""
    phase, forwards = recorded("image_crop_mirror_train")
    pictures = [resize_planes(read_planes(DATA / f"im{i}.png"), 12, 15).astype(float) for i in range(4)]
    net = Net(DATA / "image_crop_mirror_train.prototxt", phase)
    drawn = set()
    for expected in forwards:
        net.forward()
        np.testing.assert_array_equal(net.blobs["label"].data, expected["label"])
        for i, (ours, theirs) in enumerate(zip(net.blobs["data"].data, expected["data"])):
            places = crops(pictures[i])
            assert [p for p, crop in places.items() if np.array_equal(crop, theirs)]
            drawn |= {p for p, crop in places.items() if np.array_equal(crop, ours)}
    assert len(drawn) > 6  # of 56; our 12 pictures are not all cut alike
    assert {flip for _, _, flip in drawn} == {False, True}


def crops(picture, size=9):
    """Return {(y, x, mirrored): crop} of a picture (C, H, W)."""
    height, width = picture.shape[1:]
    found = {}
    for y in range(height - size + 1):
        for x in range(width - size + 1):
            part = picture[:, y:y + size, x:x + size]
            found |= {(y, x, False): part, (y, x, True): part[..., ::-1]}
    return found
