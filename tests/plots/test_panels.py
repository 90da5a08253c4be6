import numpy as np

from pycaffe_geo.plots.panels import draw_panels, error_map, to_rgb


def test_to_rgb_swaps_and_clips():
    image = np.zeros((3, 1, 2), np.float32)
    image[0, 0, 0], image[2, 0, 1] = 300, 99.6  # blue, red
    np.testing.assert_array_equal(to_rgb(image), [[[0, 0, 255], [100, 0, 0]]])


def test_error_map_is_the_mean_over_channels_where_valid():
    a, b = np.zeros((3, 1, 2)), np.array([3.0, -6, 0]).reshape(3, 1, 1) * np.ones((3, 1, 2))
    np.testing.assert_array_equal(error_map(a, b, np.array([[1, 0]])), [[3, 0]])


def test_draw_panels_puts_pictures_beside_each_other(tmp_path):
    from PIL import Image

    red, blue = np.zeros((20, 30, 3), np.uint8), np.zeros((20, 30, 3), np.uint8)
    red[..., 0], blue[..., 2] = 255, 255
    depth = np.ones((20, 30))
    draw_panels(tmp_path / "p.png", ["a", "b", "depth"], [[red, blue, depth], [blue, red, depth]], [["a", "b", "c\nd"]] * 2)
    pixels = np.asarray(Image.open(tmp_path / "p.png").convert("RGB")).astype(int)
    h, w = pixels.shape[:2]
    np.testing.assert_array_equal(pixels[h // 4, w // 6], [255, 0, 0])
    np.testing.assert_array_equal(pixels[h // 4, w // 2], [0, 0, 255])
