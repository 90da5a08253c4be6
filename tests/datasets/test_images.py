"""Pictures: reading what they hold, refusing what is no depth, resizing with the conventions of the house."""

import numpy as np
import pytest

from pycaffe_geo.datasets.images import (list_pictures, read_color, read_depth, read_planes, resize_color, resize_depth,
                                         resize_planes)
from pycaffe_geo.errors import DataError

Image = pytest.importorskip("PIL.Image")


def test_colour_is_rgb_whatever_the_file_holds(tmp_path):
    rgba = np.random.default_rng(0).integers(256, size=(3, 4, 4), dtype=np.uint8)
    Image.fromarray(rgba, "RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_color(tmp_path / "a.png"), rgba[..., :3])
    Image.fromarray(rgba[..., 0]).save(tmp_path / "grey.png")
    np.testing.assert_array_equal(read_color(tmp_path / "grey.png"), np.repeat(rgba[..., :1], 3, axis=2))


def test_a_picture_that_was_taken_sideways_is_upright(tmp_path):
    stored = np.zeros((16, 24, 3), np.uint8)
    stored[:, :8] = 200  # the left side of what is stored is the upper one of the scene
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(stored).save(tmp_path / "a.jpg", exif=exif, quality=100)
    picture = read_color(tmp_path / "a.jpg")
    assert picture.shape == (24, 16, 3) and picture[:8].min() > 150 and picture[8:].max() < 50


def test_depth_is_metres(tmp_path):
    stored = np.array([[0, 1, 1000], [40000, 65535, 5]], np.uint16)
    Image.fromarray(stored).save(tmp_path / "d.png")
    np.testing.assert_allclose(read_depth(tmp_path / "d.png", 1000), stored / 1000, rtol=1e-6)
    np.testing.assert_allclose(read_depth(tmp_path / "d.png", 5000), stored / 5000, rtol=1e-6)


def test_what_is_no_depth_or_no_picture_is_refused_by_path(tmp_path):
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "eight.png")
    with pytest.raises(DataError, match="eight.png: depth is a picture of mode L .*expected one 16-bit channel"):
        read_depth(tmp_path / "eight.png", 1000)
    with pytest.raises(DataError, match="none.png: no such picture"):
        read_color(tmp_path / "none.png")
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(DataError, match="text.png: cannot be read as a picture"):
        read_color(tmp_path / "text.png")
    whole = (tmp_path / "eight.png").read_bytes()
    (tmp_path / "cut.png").write_bytes(whole[:len(whole) // 2])
    with pytest.raises(DataError, match="cut.png: cannot be read as a picture"):
        read_color(tmp_path / "cut.png")


def test_shrinking_by_integers_averages_areas():
    image = np.random.default_rng(1).integers(256, size=(6, 8, 3), dtype=np.uint8)
    small = resize_color(image, 2, 4)
    for i in range(2):
        for j in range(4):
            mean = image[3 * i:3 * i + 3, 2 * j:2 * j + 2].reshape(-1, 3).mean(axis=0)
            np.testing.assert_allclose(small[i, j], mean, atol=0.501)


def test_other_sizes_are_half_pixel_bilinear():
    ramp = np.repeat(np.arange(0, 250, 10, dtype=np.uint8)[None, :, None], 3, axis=2).repeat(2, axis=0)
    wide = resize_color(ramp, 2, 20)
    position = np.clip((np.arange(20) + 0.5) * 25 / 20 - 0.5, 0, 24)
    np.testing.assert_allclose(wide[0, :, 0], 10 * position, atol=0.501)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])  # by areas, and bilinear
def test_depth_averages_inverse_depth_of_valid_pixels(shape):
    v, u = np.mgrid[:4, :6]
    plane = (1 / (0.2 + 0.01 * u + 0.03 * v)).astype(np.float32)  # inverse depth of a plane is linear in pixels
    x, y = (np.arange(shape[1]) + 0.5) * 6 / shape[1] - 0.5, (np.arange(shape[0]) + 0.5) * 4 / shape[0] - 0.5
    expected = 1 / (0.2 + 0.01 * x + 0.03 * y[:, None])
    np.testing.assert_allclose(resize_depth(plane, *shape), expected, rtol=1e-5)

    holes = np.full((4, 6), 2, np.float32)
    holes[0, 1] = holes[2, 3] = 0
    np.testing.assert_allclose(resize_depth(holes, *shape), 2, rtol=1e-6)
    assert not resize_depth(np.zeros((4, 6), np.float32), *shape).any()


def test_planes_are_bgr_or_grey(tmp_path):
    rgba = np.random.default_rng(0).integers(256, size=(3, 4, 4), dtype=np.uint8)
    bgr = rgba[..., 2::-1].transpose(2, 0, 1)
    Image.fromarray(rgba, "RGBA").save(tmp_path / "a.png")
    np.testing.assert_array_equal(read_planes(tmp_path / "a.png"), bgr)
    np.testing.assert_array_equal(read_planes(tmp_path / "a.png", color=None), bgr)
    grey = read_planes(tmp_path / "a.png", color=False)
    expected = 0.299 * rgba[..., 0] + 0.587 * rgba[..., 1] + 0.114 * rgba[..., 2]
    assert grey.shape == (1, 3, 4) and (expected - grey[0]).max() < 1.01 and (expected - grey[0]).min() > -0.01
    Image.fromarray(rgba[..., 0]).save(tmp_path / "grey.png")
    for color, channels in ((True, 3), (False, 1), (None, 1)):
        np.testing.assert_array_equal(read_planes(tmp_path / "grey.png", color), np.repeat(rgba[None, ..., 0], channels, axis=0))
    sixteen = rgba[..., 0].astype(np.uint16) * 256 + 200
    Image.fromarray(sixteen).save(tmp_path / "sixteen.png")
    np.testing.assert_array_equal(read_planes(tmp_path / "sixteen.png", color=False), rgba[None, ..., 0])
    np.testing.assert_array_equal(read_planes(tmp_path / "sixteen.png"), np.repeat(rgba[None, ..., 0], 3, axis=0))


def test_grey_of_a_jpeg_is_its_luma(tmp_path):
    pixels = np.random.default_rng(0).integers(256, size=(16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    with Image.open(tmp_path / "a.jpg") as picture:
        picture.draft("YCbCr", None)
        luma = np.asarray(picture)[..., 0]
    np.testing.assert_array_equal(read_planes(tmp_path / "a.jpg", color=False)[0], luma)


@pytest.mark.parametrize("size", [(1, 1), (5, 4), (10, 22), (31, 7), (13, 29)])
def test_planes_are_resized_by_half_pixel_bilinear_weights(size):
    planes = np.random.default_rng(0).integers(256, size=(3, 13, 11), dtype=np.uint8)
    found = resize_planes(planes, *size)
    assert found.dtype == np.uint8
    expected = np.empty((3, *size))
    for i in range(size[0]):
        for j in range(size[1]):
            y, x = (np.clip((k + 0.5) * old / new - 0.5, 0, old - 1) for k, old, new in ((i, 13, size[0]), (j, 11, size[1])))
            rows = np.maximum(0, 1 - abs(np.arange(13) - y))
            expected[:, i, j] = rows @ planes @ np.maximum(0, 1 - abs(np.arange(11) - x))
    assert abs(found - expected).max() <= 1


def test_a_picture_too_large_to_open_is_refused(tmp_path, monkeypatch):
    Image.fromarray(np.zeros((9, 9), np.uint8)).save(tmp_path / "large.png")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    with pytest.raises(DataError, match="large.png: cannot be read as a picture: .*exceeds limit"):
        read_planes(tmp_path / "large.png")


def test_pictures_are_listed_by_the_value_of_their_numbers(tmp_path):
    for name in ("b2.png", "b10.JPG", "b02.png", "a.ppm", "3.png", "notes.txt", "b1.png", "._b1.png", ".png"):
        (tmp_path / name).touch()
    assert [path.name for path in list_pictures(tmp_path)] == ["3.png", "a.ppm", "b1.png", "b02.png", "b2.png", "b10.JPG"]
    with pytest.raises(DataError, match="nowhere: no such folder"):
        list_pictures(tmp_path / "nowhere")
