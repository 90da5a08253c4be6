import dataclasses

import numpy as np
import pytest

from pycaffe_geo.errors import DataError, ShapeError
from pycaffe_geo.families.transformer import Transformer, TransformParam
from pycaffe_geo.layer import Layer
from pycaffe_geo.spec import LayerDef
from pycaffe_geo.wire import encode_field


class Source(Layer):
    parameters = {"transform_param": TransformParam}


def build(phase="TEST", seed=0, **param):
    layer = Source(LayerDef("d", "Data", parameters={"transform_param": TransformParam(**param)}), phase, "float32")
    layer.clock.seed = seed
    return Transformer(layer)


def pictures(n=4, shape=(3, 6, 8), seed=0):
    return np.random.default_rng(seed).integers(256, size=(n, *shape), dtype=np.uint8)


def test_values_are_left_alone_without_parameters():
    transformer = build()
    assert not transformer.active
    batch = transformer(pictures(), 0)
    assert batch.dtype == np.float32
    np.testing.assert_array_equal(batch, pictures())


def test_the_mean_goes_before_the_scale():
    batch = build(mean_value=(1.0, 2.0, 3.0), scale=0.5)(pictures(), 0)
    expected = (pictures() - np.array([1.0, 2, 3]).reshape(1, 3, 1, 1)) * 0.5
    np.testing.assert_allclose(batch, expected, rtol=1e-6)
    np.testing.assert_allclose(build(mean_value=(7.0,))(pictures(), 0), pictures() - 7.0)


@pytest.mark.parametrize("size, y, x", [((9, 10), 2, 2), ((5, 5), 0, 0), ((6, 5), 0, 0)])
def test_the_crop_of_a_test_is_the_centre_rounded_down(size, y, x):
    whole = pictures(shape=(3, *size))
    np.testing.assert_array_equal(build(crop_size=5)(whole, 0), whole[:, :, y:y + 5, x:x + 5])


def places(batch, whole, size):
    """Return, for each picture, (y, x, mirrored) of the part it is."""
    found = []
    for part, picture in zip(batch, whole):
        windows = np.lib.stride_tricks.sliding_window_view(picture, (size, size), axis=(1, 2))
        for flip, values in ((False, part), (True, part[..., ::-1])):
            found += [(*map(int, at), flip) for at in np.argwhere((windows == values[:, None, None]).all(axis=(0, 3, 4)))]
    assert len(found) == len(batch)
    return found


def test_random_crops_reach_every_place_and_are_keyed_by_seed_and_position():
    whole = pictures(n=300)
    batch = build("TRAIN", crop_size=4, mirror=True)(whole, 5)
    assert set(places(batch, whole, 4)) == {(y, x, f) for y in range(3) for x in range(5) for f in (False, True)}
    np.testing.assert_array_equal(build("TRAIN", crop_size=4, mirror=True)(whole, 5), batch)
    assert not np.array_equal(build("TRAIN", crop_size=4, mirror=True)(whole, 6), batch)
    assert not np.array_equal(build("TRAIN", seed=1, crop_size=4, mirror=True)(whole, 5), batch)


def test_both_phases_mirror_half_of_the_pictures():
    whole = pictures(n=400)
    for phase in ("TRAIN", "TEST"):
        batch = build(phase, mirror=True)(whole, 0)
        mirrored = (batch == whole[..., ::-1]).all(axis=(1, 2, 3))
        assert (mirrored | (batch == whole).all(axis=(1, 2, 3))).all()
        assert 150 < mirrored.sum() < 250


@pytest.mark.parametrize("phase", ["TRAIN", "TEST"])
def test_the_same_part_is_cut_from_the_mean_file_and_mirrored_after(tmp_path, phase):
    whole = pictures(n=20)
    mean = np.random.default_rng(1).random((3, 6, 8)).astype("float32")
    np.save(tmp_path / "mean.npy", mean)
    batch = build(phase, mean_file=str(tmp_path / "mean.npy"), crop_size=4, mirror=True, scale=0.25)(whole, 3)
    expected = build(phase, crop_size=4, mirror=True)((whole - mean), 3) * 0.25
    np.testing.assert_allclose(batch, expected, rtol=1e-5, atol=1e-5)


def test_mean_files_are_binaryproto_too(tmp_path):
    mean = np.arange(12, dtype="<f4").reshape(3, 2, 2)
    sizes = b"".join(encode_field(i, n) for i, n in enumerate((1, 3, 2, 2), 1))
    (tmp_path / "mean.binaryproto").write_bytes(sizes + encode_field(5, mean.tobytes()))
    batch = build(mean_file=str(tmp_path / "mean.binaryproto"))(np.zeros((1, 3, 2, 2), np.uint8), 0)
    np.testing.assert_array_equal(batch[0], -mean)


def test_pictures_of_different_sizes_can_be_cropped():
    sizes = [(5, 9), (7, 4), (4, 4)]
    several = [pictures(1, (3, *size), i)[0] for i, size in enumerate(sizes)]
    batch = build(crop_size=4)(several, 0)
    for picture, part, (h, w) in zip(several, batch, sizes):
        y, x = (h - 4) // 2, (w - 4) // 2
        np.testing.assert_array_equal(part, picture[:, y:y + 4, x:x + 4])
    text = r"picture 1 gives \(3, 7, 4\) .* expected \(3, 5, 9\) as picture 0, the first of its batch"
    with pytest.raises(ShapeError, match=text):
        build()(several, 0)


def test_what_does_not_fit(tmp_path):
    with pytest.raises(ShapeError, match=r"^layer 'd' \(Data\): picture 0 has 6 x 8 pixels, expected at least crop_size 7"):
        build(crop_size=7)(pictures(), 0)
    with pytest.raises(ShapeError, match=r"has 3 channel\(s\), but mean_value gives 2"):
        build(mean_value=(1.0, 2.0))(pictures(), 0)
    np.save(tmp_path / "mean.npy", np.zeros((3, 5, 8)))
    with pytest.raises(ShapeError, match=r"has 6 x 8 pixels, but the mean of '.*mean.npy' has 5 x 8"):
        build(mean_file=str(tmp_path / "mean.npy"))(pictures(), 0)
    np.save(tmp_path / "mean.npy", np.zeros((2, 3, 5, 8)))
    with pytest.raises(DataError, match=r"mean_file .*mean.npy: holds \(2, 3, 5, 8\), expected \(channels, height, width\)"):
        build(mean_file=str(tmp_path / "mean.npy"))
    with pytest.raises(DataError, match=r"^layer 'd' \(Data\): mean_file gone.npy: no such file"):
        build(mean_file="gone.npy")
    (tmp_path / "text.npy").write_text("no array")
    with pytest.raises(DataError, match="text.npy: cannot be read as a NumPy array"):
        build(mean_file=str(tmp_path / "text.npy"))


@pytest.mark.parametrize(
    "param, text",
    [
        (dict(mean_file="m.npy", mean_value=(1.0,)), "both mean_file and mean_value are given"),
        (dict(force_color=True, force_gray=True), "both force_color and force_gray are true"),
        (dict(crop_size=-1), "crop_size is -1"),
    ],
)
def test_parameters_that_contradict_each_other(param, text):
    with pytest.raises(ValueError, match=text):
        dataclasses.replace(TransformParam(), **param)
