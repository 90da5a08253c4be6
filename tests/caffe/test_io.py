"""caffe.io: pictures, the Transformer and mean files."""

import numpy as np
import pytest

import pycaffe_geo.caffe as caffe
from pycaffe_geo.caffemodel import _blob_bytes
from pycaffe_geo.errors import DataError, ShapeError

Image = pytest.importorskip("PIL.Image")
RNG = np.random.default_rng(0)
PICTURE = RNG.integers(256, size=(5, 7, 3), dtype=np.uint8)


def test_load_image_is_rgb_from_0_to_1(tmp_path):
    Image.fromarray(PICTURE).save(tmp_path / "a.png")
    image = caffe.io.load_image(tmp_path / "a.png")
    assert image.dtype == np.float32
    np.testing.assert_allclose(image, PICTURE / 255, rtol=1e-6)
    Image.fromarray(PICTURE[..., 0]).save(tmp_path / "grey.png")
    assert caffe.io.load_image(tmp_path / "grey.png").shape == (5, 7, 3)
    grey = caffe.io.load_image(tmp_path / "grey.png", color=False)
    np.testing.assert_allclose(grey, PICTURE[..., :1] / 255, rtol=1e-6)
    with pytest.raises(DataError, match="no such picture"):
        caffe.io.load_image(tmp_path / "none.png")


def test_resize_image():
    y, x = np.mgrid[:6, :8].astype(np.float32)
    plane = np.stack([x + 10 * y], axis=2)
    small = caffe.io.resize_image(plane, (3, 4))
    assert small.shape == (3, 4, 1) and small.dtype == np.float32
    np.testing.assert_allclose(small[1, 2, 0], (2 * 2 + 0.5) + 10 * (1 * 2 + 0.5), rtol=1e-6)  # the middle of four pixels
    np.testing.assert_array_equal(caffe.io.resize_image(plane, (12, 16), interp_order=0), plane.repeat(2, 0).repeat(2, 1))
    with pytest.raises(ShapeError, match="interp_order is 3, expected 0 .nearest. or 1"):
        caffe.io.resize_image(plane, (3, 4), interp_order=3)


def transformer(shape=(10, 3, 5, 7)):
    t = caffe.io.Transformer({"data": shape})
    t.set_transpose("data", (2, 0, 1))
    t.set_channel_swap("data", (2, 1, 0))
    t.set_raw_scale("data", 255)
    t.set_mean("data", np.array([104, 117, 123]))
    t.set_input_scale("data", 0.5)
    return t


def test_preprocess_and_back():
    image = (PICTURE / 255).astype(np.float32)
    data = transformer().preprocess("data", image)
    bgr = PICTURE[..., ::-1].transpose(2, 0, 1).astype(np.float64)
    np.testing.assert_allclose(data, 0.5 * (bgr - np.array([104, 117, 123])[:, None, None]), atol=1e-4)
    assert data.dtype == np.float32
    np.testing.assert_allclose(transformer().deprocess("data", data[None]), image, atol=1e-6)
    np.testing.assert_array_equal(image, (PICTURE / 255).astype(np.float32))  # untouched


def test_preprocess_resizes():
    image = RNG.random((10, 14, 3)).astype(np.float32)
    t = caffe.io.Transformer({"data": (1, 3, 5, 7)})
    t.set_transpose("data", (2, 0, 1))
    expected = image.reshape(5, 2, 7, 2, 3).mean(axis=(1, 3)).transpose(2, 0, 1)
    np.testing.assert_allclose(t.preprocess("data", image), expected, rtol=1e-5)


@pytest.mark.parametrize("shape", [(3,), (5, 7), (1, 5, 7), (3, 5, 7), (3, 10, 14)])
def test_means_of_every_shape(shape):
    t = caffe.io.Transformer({"data": (1, 3, 5, 7)})
    t.set_transpose("data", (2, 0, 1))
    mean = RNG.random(shape)
    t.set_mean("data", mean)
    if shape == (3,):
        mean = mean[:, None, None]
    if shape == (3, 10, 14):
        mean = mean.reshape(3, 5, 2, 7, 2).mean(axis=(2, 4))
    found = t.preprocess("data", np.ones((5, 7, 3), np.float32))
    np.testing.assert_allclose(found, 1 - mean + np.zeros((3, 5, 7)), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "setting, value, text",
    [
        ("mean", np.zeros(4), r"set_mean\('data'\): the mean is \(4,\), expected \(3,\), \(3, H, W\) or \(H, W\)"),
        ("mean", np.zeros((2, 5, 7)), r"the mean is \(2, 5, 7\)"),
        ("transpose", (2, 0), r"set_transpose\('data'\): got \(2, 0\), expected an order of the 3 axes 0 to 2"),
        ("channel_swap", (1, 0), r"set_channel_swap\('data'\): got \(1, 0\), expected 3 channels"),
    ],
)
def test_settings_that_do_not_fit(setting, value, text):
    with pytest.raises(ShapeError, match=text):
        getattr(caffe.io.Transformer({"data": (1, 3, 5, 7)}), f"set_{setting}")("data", value)


def test_unknown_input_names_the_nearest():
    with pytest.raises(ShapeError, match="no input 'dat', did you mean 'data'?"):
        transformer().preprocess("dat", PICTURE)


def test_oversample():
    image = RNG.random((5, 7, 3))
    crops = caffe.io.oversample([image, image + 1], (2, 4))
    assert crops.shape == (20, 2, 4, 3)
    np.testing.assert_allclose(crops[0], image[:2, :4], rtol=1e-6)
    np.testing.assert_allclose(crops[3], image[3:, 3:], rtol=1e-6)
    np.testing.assert_allclose(crops[4], image[1:3, 1:5], rtol=1e-6)
    np.testing.assert_allclose(crops[5:10], crops[:5, :, ::-1], rtol=0)
    np.testing.assert_allclose(crops[10:], crops[:10] + 1, rtol=1e-6)
    with pytest.raises(ShapeError, match=r"the image is \(5, 7\), expected at least \(6, 6\)"):
        caffe.io.oversample([image], (6, 6))


def test_a_mean_file_as_scripts_read_it():
    from pycaffe_geo.caffe.proto import caffe_pb2

    mean = RNG.random((1, 3, 2, 4)).astype(np.float32)
    blob = caffe_pb2.BlobProto()
    blob.ParseFromString(_blob_bytes(mean, None))
    np.testing.assert_array_equal(caffe.io.blobproto_to_array(blob), mean)
    with pytest.raises(DataError, match="the BlobProto is empty"):
        caffe.io.blobproto_to_array(caffe_pb2.BlobProto())
    with pytest.raises(DataError, match="^BlobProto"):
        blob.ParseFromString(b"no protobuf at all")
